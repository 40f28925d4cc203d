"""Encodes, signs and decodes Bedrock's InvokeModel calls for the embedding models of two vendors.

Signing with botocore takes about 85 µs and happens on the event loop. Only `Caller.renew`, which
looks for credentials, may wait for the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import boto3
import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from core.aws.bedrock.signed_requests import Handed, handing_over
from core.ports.model import Broken, Refused
from core.values.tokens import estimate

CHARACTERS, TOKENS = 50_000, 8_192
"""Titan's limits for one text, which no chunk reaches."""
JSON = "application/json"


class Wire(Protocol):
    """How one embedding model's requests and responses are encoded."""

    @property
    def batch(self) -> int:
        """The largest number of texts in one call."""
        ...

    def body(self, texts: Sequence[str], *, query: bool) -> bytes:
        """The body of a request. `query`: the texts are questions, not documents."""
        ...

    def vectors(self, answer: bytes, count: int) -> list[list[float]]:
        """The `count` vectors in a response's body. Raises Broken."""
        ...


def wire_of(model: str, dims: int) -> Wire:
    """The encoding for a model, by its id or inference profile. Raises Refused if unknown."""
    if "amazon.titan-embed-text-v2" in model:
        return Titan(dims)
    if "cohere.embed-v4" in model:
        return Cohere(dims)
    raise Refused(f"no embedding model that is known: {model}")


class Titan:
    """Amazon Titan Text Embeddings V2, which takes one text per call.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
    """

    batch = 1

    def __init__(self, dims: int) -> None:
        self._dims = dims

    def body(self, texts: Sequence[str], *, query: bool) -> bytes:
        """The body for one text; Titan does not distinguish questions from documents."""
        (text,) = texts
        return orjson.dumps({"inputText": cut(text), "dimensions": self._dims, "normalize": True})

    def vectors(self, answer: bytes, count: int) -> list[list[float]]:
        """The vector in a response's body. Raises Broken."""
        return _checked([_member(answer, "embedding")], count, self._dims)


class Cohere:
    """Cohere Embed v4.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
    """

    batch = 96

    def __init__(self, dims: int) -> None:
        self._dims = dims

    def body(self, texts: Sequence[str], *, query: bool) -> bytes:
        """The body for a batch of texts."""
        return orjson.dumps(
            {
                "texts": [cut(text) for text in texts],
                "input_type": "search_query" if query else "search_document",
                "output_dimension": self._dims,
                "embedding_types": ["float"],
            }
        )

    def vectors(self, answer: bytes, count: int) -> list[list[float]]:
        """The vectors in a response's body. Raises Broken."""
        found = _member(answer, "embeddings")
        vectors = found.get("float") if isinstance(found, Mapping) else found
        return _checked(vectors, count, self._dims)


def cut(text: str) -> str:
    """A text cut to what the models accept."""
    text = text[:CHARACTERS]
    while (tokens := estimate(text)) > TOKENS:
        text = text[: len(text) * TOKENS // tokens]
    return text


def _member(answer: bytes, name: str) -> Any:
    try:
        return orjson.loads(answer)[name]
    except (ValueError, KeyError, TypeError) as exc:
        raise Broken("not an answer of the embedding model") from exc


def _checked(vectors: Any, count: int, dims: int) -> list[list[float]]:
    """The vectors, if their number and dimensions are right. Raises Broken."""
    if not isinstance(vectors, list) or len(vectors) != count:
        raise Broken("not as many vectors as texts")
    if not all(isinstance(each, list) and len(each) == dims for each in vectors):
        raise Broken("not the vectors that were asked for")
    return vectors


class Caller:
    """Signs calls to one model in one region. Call `renew` first, and off the event loop."""

    def __init__(self, session: boto3.Session, region: str, model: str) -> None:
        self.region = region
        self.url = ""
        self._model = model
        self._session = session
        self._client = handing_over(session, region, "InvokeModel")
        self._bearer = ""
        self._credentials: Any = None

    def renew(self) -> None:
        """Get the URL, the kind of authorization and current credentials from botocore."""
        try:
            self._client.invoke_model(modelId=self._model, body=b"{}")
        except Handed as handed:
            self.url = handed.request.url
            sent = handed.request.headers["Authorization"]
            sent = sent if isinstance(sent, str) else sent.decode()
            self._bearer = sent if sent.startswith("Bearer ") else ""
        if not self._bearer:
            self._credentials = self._session.get_credentials().get_frozen_credentials()

    def headers(self, body: bytes) -> dict[str, str]:
        """The signed headers for a call with this body."""
        headers = {"Content-Type": JSON, "Accept": JSON}
        if self._bearer:
            return headers | {"Authorization": self._bearer}
        request = AWSRequest("POST", self.url, headers, body)
        SigV4Auth(self._credentials, "bedrock", self.region).add_auth(request)
        return dict(request.headers.items())
