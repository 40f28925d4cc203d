"""Encodings told apart by the characters in daily use, short texts as well as long ones."""

import pytest

from ingestion.extract.decode import decode, labelled

TEXTS = [
    ("cp949", "회의록 2026년 3월: 펌프 점검 일정은 다음 주 화요일입니다. ㅋㅋㅋ"),
    ("cp949", "이름,부서\n김민수,영업"),
    ("cp949", "ㅋㅋㅋㅋㅋㅋ ㅎㅎ 네"),
    ("cp932", "会議室の鍵は三階の受付にあります。①㈱"),
    ("cp932", "品名,数量\nネジ,5"),
    ("cp932", "東京都,港区"),
    ("euc_jp", "会議室の鍵は三階の受付にあります。"),
    ("euc_jp", "品名,数量\nネジ,5"),
    ("iso2022_jp", "会議室の鍵は三階の受付にあります。"),
    ("gb18030", "会议纪要：水泵检查定于下周二进行。"),
    ("gb18030", "姓名,部门\n张伟,销售"),
    ("big5", "會議紀錄：水泵檢查定於下週二進行。"),
    ("cp1252", "Le café “très” élégant coûte 40 € à Zürich – l’été"),
    ("cp1252", "déjà vu; élève; naïve"),
    ("cp1252", "Kim’s report’s “final” – draft"),
    ("cp1252", "Año nuevo, mañana señor"),
    ("cp1252", "Rødgrød med fløde på ærø"),
    ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
    ("cp1250", "Árvíztűrő tükörfúrógép"),
    ("cp1250", "Zażółć gęślą jaźń"),
    ("cp1251", "Протокол совещания: проверка насосов во вторник"),
    ("koi8_r", "Протокол совещания: проверка насосов во вторник"),
]


@pytest.mark.parametrize(("encoding", "text"), TEXTS)
@pytest.mark.parametrize("times", [1, 8])
def test_a_text_is_read_in_the_encoding_it_was_written_in(encoding, text, times):
    assert decode((text * times).encode(encoding)) == text * times


@pytest.mark.parametrize(
    ("label", "encoding", "text"),
    [("EUC-KR", "cp949", "똠방각하 펲시"), ("iso-8859-1", "cp1252", "40 € – “sale”")],
)
def test_a_label_is_read_as_browsers_read_it(label, encoding, text):
    assert labelled(text.encode(encoding), label) == text


def test_an_unknown_label_is_none():
    assert labelled(b"a", "x-nobody-knows") is None
