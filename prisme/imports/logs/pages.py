"""Which lines of a log are pageviews: by method, status and content type, or by the path where the log has no type.

What is not, is skipped with a reason; `docs/import.md` lists the rules.
"""

from typing import Final

from prisme.base.memo import Memo

METHOD: Final = "not a pageview: method"
STATUS: Final = "not a pageview: status"
NO_REQUEST: Final = "not a pageview: no HTTP request"
TYPE: Final = "not a page: content type"
ASSET: Final = "not a page: asset"
DOWNLOAD: Final = "not a page: download"
FEED: Final = "not a page: feed"
PROGRAM: Final = "not a page: API or background request"

# Without those that have no content, or a part of a file.
_PAGE_STATUSES: Final = frozenset({*range(200, 300), 304} - {204, 205, 206})
_PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_ASSETS: Final = """
css js mjs cjs jsx ts tsx map wasm scss less vue htc
png jpg jpeg jpe gif webp avif jxl svg svgz ico cur bmp tif tiff heic apng woff woff2 ttf otf eot
mp4 m4v m4s webm ogv mov avi mkv mpd m3u8 mp3 m4a ogg oga opus wav flac aac vtt srt swf glb gltf pbf
json jsonld json5 ndjson geojson topojson xml xsl xslt txt webmanifest manifest appcache yaml yml toml ini conf cfg
log bak old sql db sqlite env lock pem key bin dat
"""
_DOWNLOADS: Final = """
pdf zip gz tgz bz2 xz zst 7z rar tar dmg pkg exe msi deb rpm apk ipa iso img jar war whl torrent parquet
csv tsv doc docx xls xlsx ppt pptx odt ods odp rtf epub mobi ics vcf psd ai eps
"""
_EXTENSIONS: Final = {
    **dict.fromkeys(_ASSETS.split(), ASSET),
    **dict.fromkeys(_DOWNLOADS.split(), DOWNLOAD),
    **dict.fromkeys(("rss", "atom", "rdf"), FEED),
}
_FEED_NAMES: Final = frozenset({"feed", "feeds", "rss", "atom", "rss2"})
# First segments of paths that only programs ask for; also those with `_` (`/_next/`), and any with `.` (`/.git/`).
_PROGRAM_FOLDERS: Final = frozenset({
    "api", "graphql", "wp-json", "wp-admin", "wp-includes", "wp-content", "wp-login.php", "wp-cron.php", "xmlrpc.php",
    "cdn-cgi", "socket.io", "sockjs-node", "server-status", "server-info", "nginx_status", "stub_status", "fpm-status",
    "fpm-ping", "health", "healthz", "healthcheck", "livez", "readyz", "metrics", "ping",
})  # fmt: skip
# Within the query: WordPress's REST and cron, WooCommerce's background requests, Next.js's parts of pages.
_PROGRAM_PARAMETERS: Final = ("rest_route=", "doing_wp_cron", "wc-ajax=", "_rsc=")


def why_not(method: str, status: int, target: str, content_type: str = "") -> str | None:
    """Why a line is no pageview, or None if it is one. `target` is as it was sent: a path with its query, or a URL."""
    if method != "GET":
        return METHOD
    if why := why_no_status(status):
        return why
    if content_type and status != 304:
        media = content_type.partition(";")[0].strip().lower()
        return None if media in _PAGE_TYPES else TYPE
    path, _, query = target.partition("?")
    why = _paths[path]
    if query and why is None and any(parameter in query for parameter in _PROGRAM_PARAMETERS):
        return PROGRAM
    return why


def why_no_status(status: int) -> str | None:
    """Why a GET with this status is no pageview, or None."""
    return None if status in _PAGE_STATUSES else STATUS


def cut_authority(target: str) -> tuple[str, str]:
    """The `http://host` of a target that is a whole URL, and the rest, which begins with `/`; else empty, and it."""
    if target.startswith("/"):
        return "", target
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        return "", target
    ends = [position for position in map(rest.find, "/?#") if position >= 0]
    end = min(ends, default=len(rest))
    path = rest[end:]
    return f"{scheme}://{rest[:end]}", path if path.startswith("/") else f"/{path}"


def _judge_path(path: str) -> str | None:
    _, path = cut_authority(path)
    if not path.startswith("/"):
        return NO_REQUEST
    *folders, name = path.partition("#")[0].lower().split("/")[1:]
    name = name.partition(";")[0]
    extension = name.rpartition(".")[2] if "." in name else ""
    if extension in ("html", "htm", "xhtml"):
        return None
    if why := _EXTENSIONS.get(extension):
        return FEED if why == ASSET and _FEED_NAMES & {name.removesuffix(".xml"), name.removesuffix(".json")} else why
    first = folders[0] if folders else name
    if first in _PROGRAM_FOLDERS or first.startswith("_") or any(_is_hidden(part) for part in (*folders, name)):
        return PROGRAM
    if _FEED_NAMES & {name or (folders[-1] if folders else "")}:
        return FEED
    return None


def _is_hidden(part: str) -> bool:
    return part.startswith(".") and part not in (".", "..")


# Some thousand paths are most of a site's traffic. Longer ones are judged each time.
_paths: Final = Memo(_judge_path, 8192, 512)
