"""Extensions: whether a name contradicts what a file is, as another system would read the name.

Windows drops dots and blanks from a name's end, and takes what follows a colon for a stream of the file.
"""

import re
import unicodedata

from app.documents.office import DOCX, XLSX
from app.domain import text
from app.domain.errors import Detail, DocumentTypeUnsupported, InvalidInput

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "text/plain": (".txt", ".text", ".log", ".md"),
    "text/csv": (".csv",),
    DOCX: (".docx",),
    XLSX: (".xlsx",),
    "message/rfc822": (".eml",),
}
"""The types that are accepted, each with the extensions that a name of it may have; the first is the usual one."""

# What stands for something else than is accepted: what a system would run or open as a link, and other formats.
_PROGRAMS = """
    exe com scr pif bat cmd cpl msi msp mst msix msixbundle appx appxbundle appinstaller application appref-ms gadget
    dll sys drv ocx ax vxd 386 efi lnk url scf inf reg rgs msc mcf job ps1 ps1xml ps2 ps2xml psc1 psc2 psd1 psm1 psrc
    pssc cdxml vb vbe vbs vbp vba bas js jse mjs cjs ts wsf wsc wsh ws sct shb shs hta htc htt jar jnlp class war ear
    sh bash zsh csh ksh fish command tool action workflow scpt scptd applescript osx app ipa apk xapk aab dmg pkg mpkg
    iso img vhd vhdx vmdk bin run out elf so dylib ko o deb rpm snap flatpak appimage desktop py pyc pyo pyw pyz pyzw
    rb pl pm php php3 php4 php5 php7 phtml phar asp aspx ashx asmx asa cer cgi jsp jspx cfm lua tcl r awk go rs swift
    chm hlp settingcontent-ms library-ms search-ms searchconnector-ms diagcab diagpkg diagcfg theme themepack
    deskthemepack rdp ica vnc website webloc inetloc fileloc mobileconfig mobileprovision crx xpi xll xla xlam wll
    ppa ppam iqy oqy dqy rqy slk odc udl dbf mdb mde mda mdt mdw mdz mad maf mag mam maq mar mas mat mau mav maw mdn
    accdb accde accdr accda adp ade adn air swf fon ttf otf cnt csh fxp prg grp isp its mmc ops pcd plg prf pst ost
    contact sys url xbap xnk ini cfg conf drv paf u3p gms hpj lzh vdx
"""
_FORMATS = """
    html htm xhtml xht shtml mht mhtml mhtm svg svgz xml xsl xslt xsd rdf rss atom dtd wsdl
    doc docm dot dotm dotx docb rtf odt ott fodt pages wpd wps
    xls xlsm xlsb xlt xltm xltx xlw ods ots fods numbers
    ppt pptm pptx pot potm potx pps ppsm ppsx sldm sldx odp otp fodp key pub one vsd vsdx vsdm mpp
    zip zipx 7z rar tar gz tgz bz2 tbz2 xz txz zst lz lz4 lzma z cab arj ace uue xxe b64 wim
    gif bmp tif tiff ico cur psd ai eps ps heic heif avif jp2 jpx jxl wmf emf dwg dxf raw cr2 nef
    mp3 mp4 m4a m4v mov avi mkv webm wav ogg oga ogv flac wma wmv mpg mpeg 3gp aac amr opus
    msg p7m p7s p7b p7c pfx p12 pem der crt key asc gpg pgp epub mobi xps oxps vcf ics
    pdf jpg jpeg jpe jfif png webp txt text log md csv docx xlsx eml
"""
_KNOWN = frozenset(f".{word}" for word in (_PROGRAMS + _FORMATS).split())
_CLASS = re.compile(r"\.\{[0-9a-f-]{36}\}")
"""The shell of Windows opens a name that ends so by the class that it names."""

_DROPPED = " ."


def extension_of(filename: str) -> str:
    """Return the extension of *filename* in lower case, with its dot; empty for none."""
    return _extension(filename.rpartition(":")[2])


def demand_agreement(filename: str, found: str) -> None:
    """Refuse a name that stands for something else than *found*, the file's media type.

    What stands for nothing, as in `Invoice No. 12`, contradicts nothing. Raises: DocumentTypeUnsupported, InvalidInput.
    """
    accepted = EXTENSIONS[found]
    pieces = _as_read(filename).split(":")
    extensions = [_extension(piece) for piece in pieces]
    for extension in extensions:
        if extension not in accepted and (extension in _KNOWN or _CLASS.fullmatch(extension)):
            details = {"extension": extension, "accepted": accepted}
            raise DocumentTypeUnsupported(type=found, problem=Detail("name_contradicts", details))
    for extension, follows in zip(extensions, pieces[1:], strict=False):
        if extension in accepted and not follows.startswith(" "):
            raise InvalidInput(detail=Detail("name_is_stream", {"name": filename}))


def saved_as(filename: str, found: str) -> str:
    """Return the name under which a file of the media type *found* is saved: one that ends in an extension of it."""
    accepted = EXTENSIONS.get(found, ("",))
    kept = filename.rstrip(_DROPPED)
    return kept if kept.lower().endswith(accepted) else kept + accepted[0]


def _as_read(filename: str) -> str:
    """Return *filename* as a system reads it that knows fewer characters: width and what is not seen is nothing."""
    return text.identity(unicodedata.normalize("NFKC", filename))


def _extension(name: str) -> str:
    """Return what follows the last dot; a blank behind it belongs to it, as in `No. 12`."""
    name = text.identity(name).rstrip(_DROPPED)
    return f".{name.rpartition('.')[2].lower()}" if "." in name else ""
