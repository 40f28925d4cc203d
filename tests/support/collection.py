"""A vector search collection of Amazon OpenSearch Serverless, as its pages describe it.

A real node stands behind it, and a signature is asked for as of a domain. Only what AWS lists goes
through; of what the pages leave open, it refuses all. What is written can be found a while later.

The node has no Faiss, so its Lucene keeps the vectors: scores of an inner product are the same.
https://docs.opensearch.org/latest/mappings/supported-field-types/knn-spaces/
"""

import json
import re

from aiohttp import web

from tests.support.managed_domain import ManagedDomain

OPERATIONS = {
    "aoss:CreateIndex": "PUT <index>",
    "aoss:DescribeIndex": """
        GET <index>
        GET <index>/_mapping
        GET <index>/_mappings
        GET <index>/_settings
        GET <index>/_settings/<setting>
        GET _cat/indices
        GET _mapping
        GET _mappings
        GET _resolve/index/<index>
        HEAD <index>""",
    "aoss:WriteDocument": """
        DELETE <index>/_doc/<id>
        POST <index>/_bulk
        POST <index>/_doc
        POST _bulk""",
    "aoss:ReadDocument": """
        GET <index>/_analyze
        GET <index>/_doc/<id>
        GET <index>/_explain/<id>
        GET <index>/_mget
        GET <index>/_source/<id>
        GET <index>/_count
        GET <index>/_field_caps
        GET <index>/_msearch
        GET <index>/_rank_eval
        GET <index>/_search
        GET <index>/_validate/query
        GET _analyze
        GET _field_caps
        GET _mget
        GET _search
        HEAD <index>/_doc/<id>
        HEAD <index>/_source/<id>
        POST <index>/_analyze
        POST <index>/_explain/<id>
        POST <index>/_count
        POST <index>/_field_caps
        POST <index>/_rank_eval
        POST <index>/_search
        POST _analyze
        POST _field_caps
        POST _search""",
    "aoss:DeleteIndex": "DELETE <index>",
    "aoss:UpdateIndex": """
        POST _mapping
        POST <index>/_mapping
        POST <index>/_mappings
        PUT _mapping
        PUT <index>/_mapping
        PUT <index>/_mappings""",
    "aoss:CreateCollectionItems": "POST _aliases",
    "aoss:DescribeCollectionItems": """
        GET <index>/_alias/<alias>
        GET _alias
        GET _alias/<alias>
        GET _cat/aliases
        HEAD _alias/<alias>
        HEAD <index>/_alias/<alias>""",
    "aoss:UpdateCollectionItems": """
        POST <index>/_alias/<alias>
        POST <index>/_aliases/<alias>
        PUT <index>/_alias/<alias>
        PUT <index>/_aliases/<alias>""",
    "aoss:DeleteCollectionItems": """
        DELETE <index>/_alias/<alias>
        DELETE <index>/_aliases/<alias>""",
}
"""What is allowed, by what a data access policy has to permit for it. Left out: what is only for
collections of the type SEARCH, what changes settings, and templates, pipelines and plugins.
https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-genref.html"""
SPACES = ("innerproduct", "l2")
"""Which both Faiss and what stands behind this here can; its cosine came with OpenSearch 2.19."""
MAPPED = {"_meta", "dynamic", "properties"}
NO_ID = "Document ID is not supported in create/index operation request"
"""https://github.com/opensearch-project/opensearch-py/issues/792"""
NO_REFRESH = "true refresh policy is not supported"
"""https://github.com/opensearch-project/opensearch-ruby/issues/131"""


def _pattern(operation):
    method, path = operation.split()
    named = re.sub(r"<\w+>", "[^/_][^/]*", path.replace("<id>", "[^/]+"))
    return re.compile(f"{method} /{named}")


PATTERNS = [
    (permission, _pattern(line))
    for permission, lines in OPERATIONS.items()
    for line in lines.strip().splitlines()
]


class Refused(Exception):
    def __init__(self, status, kind="", reason=""):
        super().__init__(reason or status)
        self.status, self.kind, self.reason = status, kind, reason


class Collection(ManagedDomain):
    """`used`: what a data access policy has to permit for what was asked. `every`: how long it is
    until a write can be found; with `-1` it is when `refresh` is called. `late`: how many requests
    for an alias find a new index not there yet."""

    def __init__(self, node, keys, *, every="1s"):
        super().__init__(node, keys)
        self.used = set()
        self.every = every
        self.late = 0

    async def refresh(self):
        """The time comes at which all that was written can be found."""
        async with self._http.post(f"{self.node}/_refresh") as answer:
            assert answer.status == 200

    async def answered(self, request, body):
        try:
            self._allowed(request, body)
            if request.method == "PUT" and request.path.count("/") == 1:
                return await super().answered(request, self._made(json.loads(body)))
            if "/_alias/" in request.path and self.late:
                self.late -= 1
                return web.json_response({"error": "index_not_found", "status": 404}, status=404)
            if request.path.endswith("/_bulk"):
                return await self._bulk(request, body)
            return await super().answered(request, body)
        except Refused as exc:
            self.refused.append(f"{request.method} {request.raw_path}: {exc}")
            if exc.status == 404:  # nothing more is said of what is not supported
                return web.Response(status=404)
            error = {"type": exc.kind, "reason": exc.reason}
            return web.json_response({"error": error, "status": exc.status}, status=exc.status)

    def _allowed(self, request, body):
        operation = f"{request.method} {request.path}"
        allowed = {permission for permission, each in PATTERNS if each.fullmatch(operation)}
        if not allowed:
            raise Refused(404)
        if request.query.get("refresh", "false") != "false":
            raise Refused(400, "status_exception", NO_REFRESH)
        if request.path.endswith("/_search") and "script" in _names(json.loads(body or "{}")):
            raise Refused(400, "illegal_argument_exception", "scripts are not supported")
        self.used |= allowed

    def _made(self, index):
        """A new index as the node can make it. Raises Refused for what a collection has not."""
        for name in _flat(index.get("settings", {})):
            if name != "index.knn":
                raise Refused(400, "illegal_argument_exception", f"setting {name} is not supported")
        for name in {*index["mappings"]} - MAPPED:
            raise Refused(400, "mapper_parsing_exception", f"{name} is not supported")
        for each in index["mappings"]["properties"].values():
            if each["type"] == "knn_vector":
                method = each["method"]
                if (method["name"], method["engine"]) != ("hnsw", "faiss"):
                    raise Refused(400, "mapper_parsing_exception", "it has Faiss and HNSW only")
                if method.get("space_type") not in SPACES:
                    raise Refused(400, "mapper_parsing_exception", "the space is not supported")
                method["engine"] = "lucene"
        settings = {"index.knn": True, "number_of_replicas": 0, "refresh_interval": self.every}
        return json.dumps({**index, "settings": settings}).encode()

    async def _bulk(self, request, body):
        lines = body.splitlines(keepends=True)
        kept, items = [], []
        while lines:
            line = lines.pop(0)
            ((action, told),) = json.loads(line).items()
            source = [] if action == "delete" else [lines.pop(0)]
            if action != "delete" and (action == "update" or "_id" in told):
                error = {"type": "illegal_argument_exception", "reason": NO_ID}
                items.append({action: {**told, "status": 400, "error": error}})
                self.refused.append(f"{action}: {NO_ID}")
                continue
            items.append(None)
            kept += [line, *source]
        if not kept:
            return web.json_response({"took": 1, "errors": True, "items": items})
        answer = await super().answered(request, b"".join(kept))
        if answer.status != 200 or None not in items or all(each is None for each in items):
            return answer
        told = json.loads(answer.body)
        done = iter(told["items"])
        told |= {"errors": True, "items": [each or next(done) for each in items]}
        return web.json_response(told)


def _names(told):
    """Names of all fields of a request, at any depth."""
    inner = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    return {*(told if isinstance(told, dict) else ())}.union(*map(_names, inner))


def _flat(settings, before=""):
    for name, value in settings.items():
        whole = f"{before}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{whole}.")
        else:
            yield whole if whole.startswith("index.") else f"index.{whole}"
