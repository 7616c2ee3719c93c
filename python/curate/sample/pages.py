"""Page templates: the main text in the middle of navigation, notices, adverts, share buttons and comments."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from curate.sample.prose import Article


@dataclass(frozen=True)
class Chrome:
    """What surrounds the main text, in one language."""

    menu: tuple[str, ...]
    cookies: str
    accept: str
    share: tuple[str, ...]
    advert: str
    related: str
    comments: tuple[str, ...]
    footer: str
    table: tuple[tuple[str, str], ...]  # its first row is the head


CHROME = {
    "en": Chrome(
        ("Home", "Archive", "About us", "Contact", "Newsletter"),
        "We use cookies to improve your visit.",
        "Accept all",
        ("Share", "Print", "Save"),
        "Advertisement: garden sheds, now half price!",
        "Read next",
        ("Great page, thanks for posting.", "First!", "I tried this and it worked."),
        "All rights reserved. Imprint. Terms.",
        (("When", "What to do"), ("Before winter", "Clean and oil the tools")),
    ),
    "de": Chrome(
        ("Startseite", "Archiv", "Über uns", "Kontakt", "Rundbrief"),
        "Diese Seite verwendet Cookies.",
        "Alle annehmen",
        ("Teilen", "Drucken", "Merken"),
        "Anzeige: Gartenhäuser jetzt zum halben Preis!",
        "Weiterlesen",
        ("Danke für den Beitrag.", "Erster!", "Bei mir hat es geklappt."),
        "Alle Rechte vorbehalten. Impressum. Datenschutz.",
        (("Wann", "Was zu tun ist"), ("Vor dem Winter", "Werkzeug putzen und ölen")),
    ),
    "fr": Chrome(
        ("Accueil", "Archives", "À propos", "Contact", "Lettre"),
        "Ce site utilise des cookies.",
        "Tout accepter",
        ("Partager", "Imprimer", "Garder"),
        "Publicité : abris de jardin à moitié prix !",
        "À lire aussi",
        ("Merci pour cet article.", "Premier !", "Cela a marché chez moi."),
        "Tous droits réservés. Mentions légales.",
        (("Quand", "Que faire"), ("Avant l'hiver", "Nettoyer et huiler les outils")),
    ),
    "es": Chrome(
        ("Inicio", "Archivo", "Quiénes somos", "Contacto", "Boletín"),
        "Este sitio utiliza cookies.",
        "Aceptar todo",
        ("Compartir", "Imprimir", "Guardar"),
        "Publicidad: casetas de jardín a mitad de precio.",
        "Seguir leyendo",
        ("Gracias por la página.", "¡Primero!", "A mí me funcionó."),
        "Todos los derechos reservados. Aviso legal.",
        (("Cuándo", "Qué hacer"), ("Antes del invierno", "Limpiar y engrasar las herramientas")),
    ),
    "it": Chrome(
        ("Pagina iniziale", "Archivio", "Chi siamo", "Contatti", "Bollettino"),
        "Questo sito utilizza i cookie.",
        "Accetta tutto",
        ("Condividi", "Stampa", "Salva"),
        "Pubblicità: casette da giardino a metà prezzo!",
        "Leggi anche",
        ("Grazie per la pagina.", "Primo!", "Da me ha funzionato."),
        "Tutti i diritti riservati. Note legali.",
        (("Quando", "Che cosa fare"), ("Prima dell'inverno", "Pulire e oliare gli attrezzi")),
    ),
}


def render(article: Article, template: str, site: str, *, charset: str = "utf-8", head: str = "") -> str:
    """The page as HTML.

    Args:
        article: the main text.
        template: a name in `TEMPLATES`.
        site: the site's name.
        charset: what the page declares; empty = nothing.
        head: further markup for `<head>`.

    """
    chrome = CHROME[article.language]
    meta = f'<meta charset="{charset}">\n' if charset else ""
    title = escape(article.title)
    return (
        f'<!DOCTYPE html>\n<html lang="{article.language}">\n<head>\n{meta}'
        f"<title>{title} | {escape(site)}</title>\n{head}"
        "<style>nav li{display:inline} .cookie-banner{position:fixed}</style>\n"
        '<script>window.visits = (window.visits || 0) + 1; function hello() { return "hi"; }</script>\n'
        f"</head>\n<body>\n{_top(chrome, site)}{TEMPLATES[template](article, chrome)}{_bottom(chrome)}"
        "</body>\n</html>\n"
    )


def _top(chrome: Chrome, site: str) -> str:
    items = "".join(f'<li><a href="/{n}">{escape(item)}</a></li>' for n, item in enumerate(chrome.menu))
    return (
        f'<header><a class="logo" href="/">{escape(site)}</a><nav><ul>{items}</ul></nav></header>\n'
        f'<div class="cookie-banner" id="cookie-notice" role="dialog">{escape(chrome.cookies)} '
        f"<button>{escape(chrome.accept)}</button></div>\n"
    )


def _bottom(chrome: Chrome) -> str:
    links = "".join(f'<a href="/{n}">{escape(item)}</a> ' for n, item in enumerate(chrome.menu))
    return (
        f'<footer class="footer"><nav>{links}</nav><small>© 2024. {escape(chrome.footer)}</small></footer>\n'
    )


def _paragraphs(article: Article) -> str:
    return "".join(f"<p>{escape(paragraph, quote=False)}</p>\n" for paragraph in article.paragraphs)


def _advert(chrome: Chrome) -> str:
    return f'<div class="advert ad-banner sponsored"><a href="/ad">{escape(chrome.advert)}</a></div>\n'


def _share(chrome: Chrome) -> str:
    buttons = "".join(f"<button>{escape(label)}</button>" for label in chrome.share)
    return f'<div class="share-buttons social">{buttons}</div>\n'


def _comments(chrome: Chrome) -> str:
    items = "".join(f'<li class="comment">{escape(text)}</li>' for text in chrome.comments)
    return f'<section id="comments" class="comments"><ol class="comment-list">{items}</ol></section>\n'


def _sidebar(chrome: Chrome) -> str:
    links = "".join(f'<li><a href="/p/{n}">{escape(item)}</a></li>' for n, item in enumerate(chrome.menu[1:]))
    return f'<aside class="sidebar widget"><h3>{escape(chrome.related)}</h3><ul>{links}</ul></aside>\n'


def _article(article: Article, chrome: Chrome) -> str:
    return (
        f"{_advert(chrome)}<main><article>\n<h1>{escape(article.title)}</h1>\n{_share(chrome)}"
        f"{_paragraphs(article)}</article></main>\n{_sidebar(chrome)}"
    )


def _blog(article: Article, chrome: Chrome) -> str:
    return (
        f'<div class="wrapper">{_sidebar(chrome)}<div class="post">\n<h2 class="post-title">'
        f'{escape(article.title)}</h2>\n<div class="post-content entry-content">\n{_paragraphs(article)}</div>\n'
        f"</div></div>\n{_comments(chrome)}"
    )


def _forum(article: Article, chrome: Chrome) -> str:
    return (
        f'<main class="thread"><h1>{escape(article.title)}</h1>\n<article class="message opening">\n'
        f"{_paragraphs(article)}</article></main>\n{_comments(chrome)}{_advert(chrome)}"
    )


def _documentation(article: Article, chrome: Chrome) -> str:
    head, *rows = ["".join(f"<CELL>{escape(cell)}</CELL>" for cell in row) for row in chrome.table]
    table = [head.replace("CELL", "th"), *(row.replace("CELL", "td") for row in rows)]
    lines = "".join(f"<tr>{row}</tr>" for row in table)
    paragraphs = _paragraphs(article)
    return (
        f'{_sidebar(chrome)}<main role="main"><article class="doc-content">\n<h1>{escape(article.title)}</h1>\n'
        f"{paragraphs}<table>{lines}</table>\n"
        "<pre><code>for step in plan:\n    step.run()\n</code></pre>\n</article></main>\n"
    )


def _product(article: Article, chrome: Chrome) -> str:
    return (
        f'<div class="breadcrumb"><a href="/">{escape(chrome.menu[0])}</a> / <a href="/1">'
        f'{escape(chrome.menu[1])}</a></div>\n<main id="content"><h1>{escape(article.title)}</h1>\n'
        f'<div class="description article-body">\n{_paragraphs(article)}</div></main>\n'
        f"{_share(chrome)}{_advert(chrome)}"
    )


TEMPLATES: dict[str, Callable[[Article, Chrome], str]] = {
    "article": _article,
    "blog": _blog,
    "forum": _forum,
    "documentation": _documentation,
    "product": _product,
}
