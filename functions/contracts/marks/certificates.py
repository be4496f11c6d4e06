"""The C2PA key and certificates of a stack, derived from its secret: always the same ones.

A root and one signing certificate, both EC P-256. No certificate authority lists them; whoever has
the root (``likeness verify --print-root``) can trust it in any C2PA tool. An operator with a listed
certificate puts it into the secret instead (``MarkSecret.certificates``).
"""

import datetime as dt
import hashlib
import hmac
from dataclasses import dataclass
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidKey, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contracts.shared.pictures.mark_keys import MarkKeys, MarkSecretError

ORGANISATION = "Likeness"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Order of the curve P-256."""

SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
UNTIL = dt.datetime(2049, 12, 31, tzinfo=dt.timezone.utc)
"""Fixed, as the certificates are made again by every container and must not differ. Rotation is by
a new seed, not by expiry: a picture without a time stamp would be invalid after it."""


@dataclass(frozen=True)
class Credentials:
    """What signs a manifest."""

    certificates: str
    """The chain in PEM, the signing certificate first."""
    private_key: str
    """Its private key in PKCS#8 PEM."""


class _Usage(NamedTuple):
    """What a certificate's key may do."""

    signs_certificates: bool


def credentials_of(keys: MarkKeys) -> Credentials:
    """Return the operator's own credentials, else those that are derived from the key.

    Raises:
        MarkSecretError: the operator's own are no PEM, no P-256 key, or do not belong together.
    """
    if keys.certificates is not None and keys.private_key is not None:
        return checked(keys.certificates, keys.private_key)
    root_key, key = _private_key(keys.signing, "root"), _private_key(keys.signing, "leaf")
    root = root_certificate(keys)
    leaf = _certificate(key, "pictures", (root_key, root.subject), _Usage(False))
    chain = _pem(leaf) + _pem(root)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Credentials(chain, private.decode())


def root_certificate(keys: MarkKeys) -> x509.Certificate:
    """Return the derived root: public, and the same for every caller of the same key."""
    key = _private_key(keys.signing, "root")
    return _certificate(key, "root", (key, _name(key, "root")), _Usage(True))


def root_pem(keys: MarkKeys) -> str:
    """Return the derived root in PEM."""
    return _pem(root_certificate(keys))


def signing_serial(chain: str) -> int:
    """Return the serial number of the first certificate of a chain.

    Raises:
        MarkSecretError: the chain is not PEM.
    """
    try:
        serial: int = x509.load_pem_x509_certificates(chain.encode())[0].serial_number
    except ValueError:
        message = "the marks' secret: certificates is not PEM"
        raise MarkSecretError(message) from None
    return serial


def checked(certificates: str, private_key: str) -> Credentials:
    """Return the operator's own credentials after a look at them.

    Raises:
        MarkSecretError: they cannot sign.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificates.encode())
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, InvalidKey, UnsupportedAlgorithm):
        message = "the marks' secret: certificates or private_key is not PEM"
        raise MarkSecretError(message) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        message = "the marks' secret: private_key is not an EC key on P-256"
        raise MarkSecretError(message)
    if chain[0].public_key() != key.public_key():
        message = "the marks' secret: private_key does not belong to the first certificate"
        raise MarkSecretError(message)
    return Credentials(certificates, private_key)


def _private_key(seed: bytes, label: str) -> ec.EllipticCurvePrivateKey:
    """Return a key on P-256; 64 bytes modulo the order have no measurable bias."""
    wide = hmac.digest(seed, f"likeness c2pa key 1: {label}".encode(), "sha512")
    return ec.derive_private_key(int.from_bytes(wide, "big") % (ORDER - 1) + 1, ec.SECP256R1())


def _name(key: ec.EllipticCurvePrivateKey, role: str) -> x509.Name:
    """Return a subject; the number in it tells two stacks' certificates apart."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Likeness {role} {_key_hash(key).hex()[:16]}"),
        ]
    )


def _key_hash(key: ec.EllipticCurvePrivateKey) -> bytes:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(public).digest()


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    role: str,
    issuer: tuple[ec.EllipticCurvePrivateKey, x509.Name],
    usage: _Usage,
) -> x509.Certificate:
    """Return a certificate as C2PA asks for; its signature is deterministic (RFC 6979)."""
    issuer_key, issuer_name = issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(key, role))
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(_key_hash(key)[:16], "big") >> 1)
        .not_valid_before(SINCE)
        .not_valid_after(UNTIL)
        .add_extension(
            x509.BasicConstraints(
                ca=usage.signs_certificates, path_length=0 if usage.signs_certificates else None
            ),
            critical=True,
        )
        .add_extension(_key_usage(usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if not usage.signs_certificates:
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(mail, critical=False)
    return builder.sign(issuer_key, hashes.SHA256(), ecdsa_deterministic=True)


def _key_usage(usage: _Usage) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not usage.signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=usage.signs_certificates,
        crl_sign=usage.signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    text: bytes = certificate.public_bytes(serialization.Encoding.PEM)
    return text.decode()
