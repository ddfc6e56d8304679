"""A certificate that signs itself, for a server of a test."""

import subprocess


def self_signed(folder, host="localhost"):
    """The files of certificate and key. `host` is a name, or the address 127.0.0.1."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    name = f"{'IP' if host == '127.0.0.1' else 'DNS'}:{host}"
    made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={host}", "-addext", f"subjectAltName={name}"]
    subprocess.run(["openssl", "req", *made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key
