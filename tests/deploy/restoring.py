"""The restore of the table as docs/operate.md has it, step by step, against the local AWS.

That one keeps no past: for a time it gives the table as it is. A backup made before stands for it.
"""

import re
import shlex
import subprocess
import sys

from tests.deploy.conftest import ROOT

PAGE = (ROOT / "docs" / "operate.md").read_text()
(COPY,) = re.findall(r"(?ms)^\.venv/bin/python - (.+?) <<'END'\n(.+?)^END$", PAGE)
"""What copies rows back: its arguments, as typed, and its lines."""
PASSING = ("budget#", "open", "stop", "cursor", "notice")
"""Partitions of what is counted or remembered for a moment only."""


def rows(dynamodb, table):
    """Rows that are there to stay, by their keys."""
    found = {}
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        found |= {(item["pk"]["S"], item["sk"]["S"]): item for item in page["Items"]}
    return {key: item for key, item in found.items() if not key[0].startswith(PASSING)}


def settled(dynamodb, table):
    """Whether nothing is being answered."""
    found = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :open",
        ExpressionAttributeValues={":open": {"S": "open"}},
    )
    return not found["Count"]


def lose(dynamodb, table):
    """Backs the table up, then deletes all that is there to stay; the backup, and what it was."""
    backup = dynamodb.create_backup(TableName=table, BackupName="before")["BackupDetails"]
    lost = rows(dynamodb, table)
    for pk, sk in lost:
        dynamodb.delete_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    return backup["BackupArn"], lost


def bring_back(dynamodb, table, backup, environ):
    """The page's steps, with that backup in place of a time."""
    restored = f"{table}-restored"
    dynamodb.restore_table_from_backup(TargetTableName=restored, BackupArn=backup)
    dynamodb.get_waiter("table_exists").wait(TableName=restored)
    typed, lines = COPY
    names = {"TABLE": table, "TABLE-restored": restored}
    arguments = [names.get(each, each) for each in shlex.split(typed)]
    subprocess.run(
        [sys.executable, "-", *arguments], input=lines, text=True, env=environ, check=True
    )
    dynamodb.delete_table(TableName=restored)
