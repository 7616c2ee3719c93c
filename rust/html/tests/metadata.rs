//! What pages say about themselves.

use curate_html::{Declarations, Document, License, Limits, Metadata, Place, metadata};

fn of(html: &str) -> Metadata {
    metadata(&Document::parse(html, &Limits::default()))
}

#[test]
fn a_page_that_says_everything() {
    let page = of(
        "<html lang=en-GB><head><title>How to sing | The Kettle</title><meta property=og:site_name content='The Kettle'>\
         <meta name=Author content='Ada  Lovelace'><meta property=article:published_time content=2024-03-05T10:00:00Z>\
         <link rel='canonical' href=https://example.com/sing><link rel=license href=https://example.com/terms>\
         <meta http-equiv=content-language content='en, de'><meta property=og:locale content=en_GB>\
         <meta name=robots content='noindex, NOAI'><meta name=tdm-reservation content=1></head>\
         <body><h1>How to sing</h1><p><a href=https://creativecommons.org/licenses/by/4.0/>x</a>\
         <footer><a rel=license href=/l>y</a></footer>",
    );
    let license = |url: &str, place| License { url: url.to_owned(), place };
    let expected = Metadata {
        title: Some("How to sing".to_owned()),
        author: Some("Ada Lovelace".to_owned()),
        date: Some("2024-03-05".to_owned()),
        canonical_url: Some("https://example.com/sing".to_owned()),
        languages: vec!["en-gb".to_owned(), "en".to_owned(), "de".to_owned()],
        site_name: Some("The Kettle".to_owned()),
        licenses: vec![
            license("https://example.com/terms", Place::Head),
            license("https://creativecommons.org/licenses/by/4.0/", Place::Body),
            license("/l", Place::Footer),
        ],
        declarations: Declarations {
            noai: true,
            noindex: true,
            tdm_reservation: true,
            ..Declarations::default()
        },
    };
    assert_eq!(page, expected);
}

#[test]
fn a_page_that_says_nothing() {
    assert_eq!(of(""), Metadata::default());
    let silent = of(
        "<html lang=x><title> </title><meta name=author content=https://example.com/ada><meta name=date content=soon>\
         <link rel=canonical href=/relative><meta name=robots content=index><a href=/license>x</a>\
         <script type=application/ld+json>{\"@type\": \"Article\", \"headline\": </script>\
         <meta property=og:site_name><time>2024-03-05</time><svg><title>x</title></svg>",
    );
    assert_eq!(silent, Metadata::default());
}

#[test]
fn json_ld_is_heard() {
    let page = of(r#"<title>t</title><script type="application/ld+json">
        {"@context": "https://schema.org", "@graph": [
            {"@type": "WebSite", "name": "The Kettle", "inLanguage": "en"},
            {"@type": ["NewsArticle"], "headline": "On  tea", "datePublished": "2024-03-05T10:00:00+01:00", "inLanguage": "en-US",
             "author": [{"@type": "Person", "name": "Ada"}, {"name": "Grace"}], "publisher": {"name": "Press"},
             "license": "https://example.com/terms"}]};</script>"#);
    let fields = [page.title, page.author, page.date, page.site_name].map(Option::unwrap_or_default);
    assert_eq!(fields, ["On tea", "Ada; Grace", "2024-03-05", "The Kettle"]);
    assert_eq!(page.languages, ["en-us"]);
    assert_eq!(page.licenses, [License { url: "https://example.com/terms".to_owned(), place: Place::Head }]);
    // Nesting is bounded by the reader of JSON.
    let deep = format!("<script type=application/ld+json>{}", "{\"mainEntity\":".repeat(100_000));
    assert_eq!(of(&deep), Metadata::default());
}

#[test]
fn the_better_source_wins_whatever_the_order() {
    let cases = [
        ("<h1>c</h1>", "c"),
        ("<title>b</title><h1>c</h1>", "b"),
        ("<title>On tea and kettles</title><h1>About<br>tea and <p>Kettles</h1>", "About tea and Kettles"),
        ("<title>On tea and kettles</title><h1>About the weather</h1>", "On tea and kettles"),
        ("<title>On tea and kettles</title><h1> </h1><h1>On tea</h1>", "On tea"),
        ("<title>On tea and kettles</title><h1>On tea</h1><h1>On kettles</h1>", "On tea and kettles"),
        ("<title>b</title><meta property=og:title content=a>", "a"),
        ("<meta property=og:title content=a><title>b</title>", "a"),
        ("<meta property=og:title content=a><meta property=og:title content=d>", "a"),
        ("<meta property='og:title x' content=a>", "a"),
        ("<title>Tea - Kettle</title><meta property=og:site_name content=Kettle>", "Tea"),
        ("<title>Kettle</title><meta property=og:site_name content=Kettle>", "Kettle"),
        ("<title>My Kettle</title><meta property=og:site_name content=Kettle>", "My Kettle"),
    ];
    for (html, title) in cases {
        assert_eq!(of(html).title.as_deref(), Some(title), "{html}");
    }
    let dates = [
        ("<time datetime=2024-03-05>", "2024-03-05"),
        ("<time datetime=2024-03-05></time><time datetime=2024-03-06 pubdate>", "2024-03-06"),
        ("<time datetime=2024-03-05></time><meta name=date content='March 7, 2024'>", "2024-03-07"),
    ];
    for (html, date) in dates {
        assert_eq!(of(html).date.as_deref(), Some(date), "{html}");
    }
    assert_eq!(of("<a rel=author href=/x>Ada</a>").author.as_deref(), Some("Ada"));
}

#[test]
fn a_footer_of_an_article_is_not_the_page_s() {
    let places = |html: &str| of(html).licenses.iter().map(|license| license.place).collect::<Vec<_>>();
    let link = "<a rel=license href=/l>l</a>";
    assert_eq!(places(&format!("<article><footer>{link}</footer></article>")), [Place::Body]);
    assert_eq!(places(&format!("<article></article><footer>{link}{link}</footer>")), [Place::Footer]);
    assert_eq!(places(&format!("<footer></footer>{link}")), [Place::Body]);
}

#[test]
fn hostile_pages_say_what_fits() {
    let of_many = |part: &str| of(&part.repeat(100_000));
    assert_eq!(of_many("<h1> <div>").title, None);
    assert!(of_many("<h1>x<div>").title.is_some_and(|title| title.len() < 3000));
    assert_eq!(of_many("<a rel=license href=/l>").licenses.len(), 1);
    let links: String = (0..100_000).map(|number| format!("<a rel=license href=/{number}>")).collect();
    assert_eq!(of(&links).licenses.len(), 50);
    assert_eq!(of_many("<meta name=author content=x>").author.as_deref(), Some("x"));
}
