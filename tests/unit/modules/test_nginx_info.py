"""What nginx tells of itself."""

from __future__ import annotations

import pytest

from ansible_collections.emperor.flask.plugins.modules.nginx_info import read

BUILT = "--with-http_ssl_module --with-http_v2_module --with-stream=dynamic"
# Ubuntu 22.04, Debian 12, Debian 13: by their lengths cut to what counts.
JAMMY = f"""nginx version: nginx/1.18.0 (Ubuntu)
built with OpenSSL 3.0.2 15 Mar 2022
TLS SNI support enabled
configure arguments: --with-cc-opt='-g -O2 -fPIC' --prefix=/usr/share/nginx {BUILT}
"""
BOOKWORM = f"""nginx version: nginx/1.22.1
built with OpenSSL 3.0.8 7 Feb 2023 (running with OpenSSL 3.0.17 1 Jul 2025)
TLS SNI support enabled
configure arguments: --with-cc-opt='-g -O2 -fPIC' --prefix=/usr/share/nginx {BUILT}
"""
TRIXIE = f"""nginx version: nginx/1.26.3
built with OpenSSL 3.4.0 22 Oct 2024 (running with OpenSSL 3.5.1 1 Jul 2025)
TLS SNI support enabled
configure arguments: --with-cc-opt='-g -O2 -fPIC' --prefix=/usr/share/nginx {BUILT} --with-http_v3_module
"""


@pytest.mark.parametrize(
    ("text", "version", "openssl", "http3"),
    [
        (JAMMY, "1.18.0", "3.0.2", False),
        (BOOKWORM, "1.22.1", "3.0.17", False),
        (TRIXIE, "1.26.3", "3.5.1", True),
        ("", "", "", False),
        ("nginx: [emerg] no such thing\n", "", "", False),
        # Not its own words, and not all of the argument.
        (f"x nginx version: nginx/9.9\n{JAMMY} --with-http_v3_module_not", "1.18.0", "3.0.2", False),
        # Another library.
        ("nginx version: nginx/1.27.0\nbuilt with BoringSSL\n", "1.27.0", "", False),
    ],
)
def test_read(text: str, version: str, openssl: str, http3: bool) -> None:
    assert read(text) == {"version": version, "openssl": openssl, "http3": http3}
