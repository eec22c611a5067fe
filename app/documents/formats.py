"""Formats that are not accepted, so that a refusal can name them. Only binary files are looked at.

A mark of two or three bytes is believed only with the rest of its header.
"""

import struct

import filetype

UNKNOWN = "application/octet-stream"
PROGRAM = "application/x-msdownload"

_MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"8BPS\0\1", "image/vnd.adobe.photoshop"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/x-rar-compressed"),
    (257, b"ustar", "application/x-tar"),
    (0, b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (0, b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (0, b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\0asm", "application/wasm"),
    (0, b"dex\n03", "application/vnd.android.dex"),
    (0, b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (0, b"ITSF\x03\0\0\0", "application/vnd.ms-htmlhelp"),
    (0, b"\x1a\x45\xdf\xa3", "video/x-matroska"),
    (0, b"OggS\0", "audio/ogg"),
    (0, b"fLaC\0", "audio/x-flac"),
    (0, b"ID3\2", "audio/mpeg"),
    (0, b"ID3\3", "audio/mpeg"),
    (0, b"ID3\4", "audio/mpeg"),
    (0, b"!BDN", "application/vnd.ms-outlook-pst"),
    (0, b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (0, b"SQLite format 3\0", "application/x-sqlite3"),
    (0, b"\0\1\0\0Standard ", "application/x-msaccess"),
    (0, b"AC10", "application/vnd.dwg"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\xc5\xd0\xd3\xc6", "application/postscript"),
    (0, b"%!PS-Adobe-", "application/postscript"),
)

_BRANDS: dict[bytes, str] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"),
    **dict.fromkeys((b"mif1", b"msf1"), "image/heif"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
}
_RIFF = {b"WAVE": "audio/x-wav", b"AVI ": "video/x-msvideo"}

# The library's marks for these are short, or of what we know better.
_DISTRUSTED = frozenset(
    {
        "application/gzip",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/x-brotli",
        "application/x-bzip2",
        "application/x-compress",
        "application/x-msdownload",
        "application/postscript",
        "audio/aac",
        "audio/mpeg",
        "image/bmp",
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/x-icon",
        "image/jpx",
        "video/mpeg",
    }
)


def name_binary(head: bytes) -> str:
    """Return the media type of a binary file that begins with *head*, UNKNOWN where it is none that we know."""
    for at, mark, found in _MARKS:
        if head.startswith(mark, at):
            return found
    for looks in (_program, _bitmap, _icon, _bzip2, _media, _riff, _java, _pkcs7):
        named = looks(head)
        if named is not None:
            return named
    guess: str | None = filetype.guess_mime(head)
    return guess if guess is not None and guess not in _DISTRUSTED else UNKNOWN


def _program(head: bytes) -> str | None:
    # The mark is short, but nothing binary that is accepted has it, and a program for DOS needs no more.
    return PROGRAM if head.startswith(b"MZ") else None


def _bitmap(head: bytes) -> str | None:
    """Look at the reserved words and at the size of the header that follows (BITMAPCOREHEADER to BITMAPV5HEADER)."""
    if not head.startswith(b"BM") or len(head) < 26:
        return None
    reserved, offset, header = struct.unpack_from("<LLL", head, 6)
    known = header in (12, 16, 40, 52, 56, 64, 108, 124)
    return "image/bmp" if reserved == 0 and known and offset >= 14 + header else None


def _icon(head: bytes) -> str | None:
    kind, count = struct.unpack_from("<HH", head, 2) if len(head) >= 22 else (0, 0)
    is_icon = head.startswith(b"\0\0") and kind in (1, 2) and 0 < count <= 256 and head[9] == 0
    return "image/x-icon" if is_icon else None


def _bzip2(head: bytes) -> str | None:
    is_bzip2 = head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90")
    return "application/x-bzip2" if is_bzip2 else None


def _media(head: bytes) -> str | None:
    """Look at the first box of an ISO base media file, which names its brand."""
    if head[4:8] != b"ftyp" or not 8 <= int.from_bytes(head[:4], "big") <= 4096:
        return None
    brand = head[8:12]
    if brand in (b"mif1", b"msf1"):
        others = {head[at : at + 4] for at in range(16, int.from_bytes(head[:4], "big"), 4)}
        brand = next((other for other in (b"heic", b"avif") if other in others), brand)
    return _BRANDS.get(brand, "video/3gpp" if brand.startswith(b"3g") else "video/mp4")


def _riff(head: bytes) -> str | None:
    return _RIFF.get(head[8:12]) if head.startswith(b"RIFF") else None


def _java(head: bytes) -> str | None:
    if not head.startswith(b"\xca\xfe\xba\xbe") or len(head) < 8:
        return None
    return "application/java-vm" if int.from_bytes(head[4:8], "big") >= 45 else "application/x-mach-binary"


def _pkcs7(head: bytes) -> str | None:
    """Look for the type of the content behind the first length: pkcs7-data and its kin (RFC 5652)."""
    is_pkcs7 = head.startswith(b"\x30") and b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07" in head[:16]
    return "application/pkcs7-mime" if is_pkcs7 else None
