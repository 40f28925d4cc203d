"""What Amazon's own search takes: requests over HTTPS, signed with the credentials of a role."""

import pytest

from core.aws.search.index_versions import IndexVersions
from core.aws.search.purge import passages_of
from core.ports.store_error import StoreError
from core.values.documents import DocumentId
from local.aws import free_port
from tests.ingestion.shelf import Shelf, Words
from tests.support.collection import Collection
from tests.support.managed_domain import KEY, SECRET, ManagedDomain, reached

KINDS = {"es": ManagedDomain, "aoss": Collection}


class Model(Words):
    async def close(self):
        pass


@pytest.fixture(params=["es", "aoss"])
async def address(request, opensearch, tmp_path, monkeypatch):
    """A domain or a collection in Seoul, and where it is; the environment is a role's."""
    region, port = "ap-northeast-2", free_port()
    host = f"search-parley-x.{region}.{request.param}.amazonaws.com"
    domain = KINDS[request.param](opensearch, {KEY: SECRET})
    async with reached(domain, host, port, tmp_path, monkeypatch) as url:
        yield domain, url, (region, request.param)


@pytest.fixture
async def managed(aws, alias, address):
    """The domain, a shelf that uses it, and what it should be signed for."""
    domain, url, scope = address
    editions = IndexVersions(
        url, scope[0], model="a-model", dims=512, pool=lambda model, dims: Model(),
        table=alias, clock=lambda: 0.0,
    )  # fmt: skip
    yield domain, Shelf(aws, editions, words=editions), scope
    await editions.close()


async def test_all_that_is_asked_of_the_index_is_signed_for_its_service(managed):
    domain, shelf, (region, service) = managed
    shelf.put("library/heron.txt", "The heron nests in reeds, a+b/c = 50 %: Ärger & *Wärme*.")
    assert await shelf.handle(*shelf.events(1)) == []
    assert len(await shelf.search("Where does the heron nest? 100 % + ü", "library")) == 1
    shelf.remove("library/heron.txt")
    assert await shelf.handle(*shelf.events(1)) == []
    assert await shelf.search("Where does the heron nest?", "library") == []
    assert domain.refused == []
    assert {(region, service, method) for method in ("GET", "HEAD", "POST", "PUT")} <= domain.served


async def test_a_wrong_key_is_a_store_that_does_not_answer(managed):
    domain, shelf, _ = managed
    domain.keys[KEY] = "another"
    with pytest.raises(StoreError, match="403"):
        await shelf.search("Where does the heron nest?", "library")
    assert "the signature is another" in domain.refused[0]


@pytest.mark.parametrize("address", ["es"], indirect=True)
async def test_what_goes_needs_no_parameters_in_the_address_of_a_signed_request(managed, address):
    """A domain ignores those of a POST."""
    _, shelf, (region, _) = managed
    for name in ("heron", "gull"):
        shelf.put(f"library/{name}.txt", f"The {name} nests in reeds.")
    assert await shelf.handle(*shelf.events(2)) == []
    passages = passages_of(address[1], region)
    gone = await passages.delete((), [DocumentId("library", "heron.txt")])
    await passages.close()
    assert gone == (1, 0)
    assert len(await shelf.search("Where does the gull nest?", "library")) == 1
