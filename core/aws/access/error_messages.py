"""Explains errors of boto3 and botocore to operators: what is wrong, and what to do."""

from __future__ import annotations

from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    TokenRetrievalError,
)

from core.ports.store_error import StoreError

NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
REFUSED_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
MISSING_RIGHT = frozenset(
    {"403", "AccessDenied", "AccessDeniedException", "KMSAccessDeniedException"}
)
MISSING_RESOURCE = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)


def explained(error: BaseException | None) -> str:
    """A sentence that explains an error of boto3 or botocore; empty for any other error.

    A StoreError is explained by its cause.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if sentence := _sentence(error):
            return sentence
        if not isinstance(error, StoreError | Boto3Error):
            return ""
        error = error.__cause__ or error.__context__
    return ""


def _sentence(error: BaseException) -> str:
    match error:
        case ClientError():
            return _refusal(error)
        case NoCredentialsError() | PartialCredentialsError():
            return (
                "AWS credentials are missing or incomplete. Set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for this machine alone use `parley run`."
            )
        case CredentialRetrievalError() | TokenRetrievalError():
            return "AWS credentials could not be fetched. Sign in again (`aws sso login`)."
        case ProfileNotFound():
            return f"{error}. Correct AWS_PROFILE."
        case SSLError():
            return (
                "the certificate of AWS's endpoint is not trusted. Behind a proxy that inspects "
                "TLS set AWS_CA_BUNDLE to the proxy's root certificate."
            )
        case EndpointConnectionError():
            where = urlsplit(str(error.kwargs.get("endpoint_url", ""))).netloc
            return (
                f"AWS does not answer at {where}. Check the network, AWS_REGION and "
                "AWS_ENDPOINT_URL."
            )
        case HTTPClientError():
            return "AWS did not answer. Check the network, then run this again."
        case BotoCoreError():
            return f"{error}"
        case _:
            return ""


def _refusal(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    operation = error.operation_name
    if code in REFUSED_CREDENTIALS:
        return f"AWS refuses these credentials ({code}). Renew or correct them."
    if code in MISSING_RIGHT:
        return f"these credentials may not call {operation} ({code}). Give them that right."
    if code in MISSING_RESOURCE:
        return (
            f"{operation} names something that is not there ({code}). Create it with `parley "
            "init`, or correct its name and AWS_REGION."
        )
    return f"AWS refused {operation} ({code}). Run this again; if it stays, look the code up."
