"""A corpus from Common Crawl: whole archive files of a crawl, or only the pages of some sites or languages.

    python -m curate pipelines/common_crawl.py crawl=CC-MAIN-2024-10 files=2 output=out/
    python -m curate pipelines/common_crawl.py domains=example.org,example.com contact=me@example.org output=out/

The second form asks the columnar index and fetches single records. See docs/common-crawl.md.
"""

from typing import Any

import curate as cu


def pipeline(
    crawl: str = "CC-MAIN-2024-10",
    files: int = 0,
    domains: str = "",
    languages: str = "",
    pages: int = 0,
    contact: str = "",
    base: str = "https://data.commoncrawl.org",
    cache: str | None = None,
    requests_per_second: float = 2.0,
    output: str = "out",
    language: str = "en",
) -> cu.Pipeline:
    """WARC from Common Crawl, text, language, rules, exact and near duplicates, documents.

    Args:
        crawl: name of the crawl.
        files: number of archive files (about 1 GB each), chosen by hash; 0 = all, some 80 TB.
        domains: registered domains, with commas between them: their pages alone, by the index.
        languages: languages as the index has them (ISO 639-3, such as eng), with commas between them.
        pages: number of pages of the index to take, chosen by hash; 0 = all.
        contact: mail address or page that tells the operators who asks.
        base: the web server, `s3://commoncrawl` or a mirror.
        cache: folder for what is fetched.
        requests_per_second: of all workers of this machine together.
        output: the folder to write to.
        language: labels of the texts to keep, with commas between them, or "any".
    """
    named = {"domain": domains, "language": languages}
    index: dict[str, Any] = {name: value.split(",") for name, value in named.items() if value}
    if index:
        index |= {"status": 200, "mime": ["text/html", "application/xhtml+xml"]}
    return cu.Pipeline(
        read=cu.read_common_crawl(
            crawl,
            index=index or None,
            sample=(pages if index else files) or None,
            base=base,
            cache=cache,
            requests_per_second=requests_per_second,
            user_agent=f"curate ({contact})" if contact else None,
        ),
        stages=[
            cu.UrlFilter(),
            cu.OptOut(),
            cu.ExtractText(),
            cu.Language(keep=None if language == "any" else frozenset(language.split(","))),
            cu.TextStats(),
            cu.Rules(cu.GOPHER_REPETITION),
            cu.Rules(cu.GOPHER_QUALITY),
            cu.ExactDedup(),
            cu.NearDedup(),
        ],
        write=cu.write_documents(output),
    )
