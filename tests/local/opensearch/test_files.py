"""What people read when OpenSearch's files cannot be fetched."""

import ssl

import pytest
import requests
from jgo.maven import MavenContext

from local.opensearch.files import OpenSearchError, home


@pytest.fixture
def failing(monkeypatch, tmp_path):
    """Makes each fetch end in an error."""
    monkeypatch.setenv("PARLEY_CACHE", str(tmp_path))

    def fail(error):
        def project(*_):
            raise error

        monkeypatch.setattr(MavenContext, "project", project)

    return fail


def test_behind_a_proxy_that_inspects_tls_the_certificate_is_named_as_what_to_mend(failing):
    error = requests.exceptions.SSLError("certificate verify failed: self-signed certificate")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate in chain")
    failing(error)
    with pytest.raises(OpenSearchError, match="REQUESTS_CA_BUNDLE") as caught:
        home()
    assert "self-signed certificate" in str(caught.value)


def test_without_a_connection_the_reason_is_kept_and_another_try_promised(failing):
    failing(requests.exceptions.ConnectionError("Network is unreachable"))
    with pytest.raises(OpenSearchError, match="Network is unreachable") as caught:
        home()
    assert "again every minute" in str(caught.value)
