//! Which document types ask for quirks mode: WHATWG HTML section 13.2.6.4.1.

use super::token::Doctype;
use crate::tree::Builder;

/// Starts of public identifiers, in lower case, without the `-//` of each.
const PUBLIC_PREFIXES: [&str; 54] = [
    "advasoft ltd//dtd html 3.0 aswedit + extensions//",
    "as//dtd html 3.0 aswedit + extensions//",
    "ietf//dtd html 2.0 level 1//",
    "ietf//dtd html 2.0 level 2//",
    "ietf//dtd html 2.0 strict level 1//",
    "ietf//dtd html 2.0 strict level 2//",
    "ietf//dtd html 2.0 strict//",
    "ietf//dtd html 2.0//",
    "ietf//dtd html 2.1e//",
    "ietf//dtd html 3.0//",
    "ietf//dtd html 3.2 final//",
    "ietf//dtd html 3.2//",
    "ietf//dtd html 3//",
    "ietf//dtd html level 0//",
    "ietf//dtd html level 1//",
    "ietf//dtd html level 2//",
    "ietf//dtd html level 3//",
    "ietf//dtd html strict level 0//",
    "ietf//dtd html strict level 1//",
    "ietf//dtd html strict level 2//",
    "ietf//dtd html strict level 3//",
    "ietf//dtd html strict//",
    "ietf//dtd html//",
    "metrius//dtd metrius presentational//",
    "microsoft//dtd internet explorer 2.0 html strict//",
    "microsoft//dtd internet explorer 2.0 html//",
    "microsoft//dtd internet explorer 2.0 tables//",
    "microsoft//dtd internet explorer 3.0 html strict//",
    "microsoft//dtd internet explorer 3.0 html//",
    "microsoft//dtd internet explorer 3.0 tables//",
    "netscape comm. corp.//dtd html//",
    "netscape comm. corp.//dtd strict html//",
    "o'reilly and associates//dtd html 2.0//",
    "o'reilly and associates//dtd html extended 1.0//",
    "o'reilly and associates//dtd html extended relaxed 1.0//",
    "softquad software//dtd hotmetal pro 6.0::19990601::extensions to html 4.0//",
    "softquad//dtd hotmetal pro 4.0::19971010::extensions to html 4.0//",
    "spyglass//dtd html 2.0 extended//",
    "sq//dtd html 2.0 hotmetal + extensions//",
    "sun microsystems corp.//dtd hotjava html//",
    "sun microsystems corp.//dtd hotjava strict html//",
    "w3c//dtd html 3 1995-03-24//",
    "w3c//dtd html 3.2 draft//",
    "w3c//dtd html 3.2 final//",
    "w3c//dtd html 3.2//",
    "w3c//dtd html 3.2s draft//",
    "w3c//dtd html 4.0 frameset//",
    "w3c//dtd html 4.0 transitional//",
    "w3c//dtd html experimental 19960712//",
    "w3c//dtd html experimental 970421//",
    "w3c//dtd w3 html//",
    "w3o//dtd w3 html 3.0//",
    "webtechs//dtd mozilla html 2.0//",
    "webtechs//dtd mozilla html//",
];

const PUBLIC: [&str; 3] =
    ["-//w3o//dtd w3 html strict 3.0//en//", "-/w3c/dtd html 4.0 transitional/en", "html"];

const SYSTEM: &str = "http://www.ibm.com/data/dtd/v11/ibmxhtml1-transitional.dtd";

/// Starts that ask for it where there is no system identifier.
const WITHOUT_SYSTEM: [&str; 2] = ["w3c//dtd html 4.01 frameset//", "w3c//dtd html 4.01 transitional//"];

/// Does this document type ask for quirks mode?
pub(super) fn is_quirky(doctype: &Doctype, tree: &Builder<'_>) -> bool {
    let lower = |span| tree.str(span).to_ascii_lowercase();
    let public = doctype.public.map(lower);
    let starts = |prefixes: &[&str]| {
        let rest = public.as_deref().and_then(|public| public.strip_prefix("-//"));
        rest.is_some_and(|rest| prefixes.iter().any(|prefix| rest.starts_with(prefix)))
    };
    doctype.force_quirks
        || doctype.name.is_none_or(|name| tree.str(name) != "html")
        || public.as_deref().is_some_and(|public| PUBLIC.contains(&public))
        || doctype.system.is_some_and(|system| lower(system) == SYSTEM)
        || starts(&PUBLIC_PREFIXES)
        || (doctype.system.is_none() && starts(&WITHOUT_SYSTEM))
}
