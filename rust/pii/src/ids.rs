//! National identifiers: forms, words that name them, check functions.

use crate::context::{self, Words};
use crate::id_checks as checks;
use crate::id_context::{CONTEXT_BYTES, is_named_in_capitals, length_of_clause, stands_alone};
use crate::kind::{Kind, Kinds};
use crate::verdict::Verdict;

/// Letters and digits of the longest number.
const MOST: usize = 20;

/// One identifier.
struct Id {
    kind: Kind,
    /// `d` a digit, `A` a letter, `N` either, anything else itself.
    shapes: &'static [&'static str],
    words: Words,
    /// Of the letters (in capitals) and digits alone.
    check: fn(&[u8]) -> bool,
}

static IDS: [Id; 38] = [
    Id {
        kind: Kind::UsSsn,
        shapes: &["ddd-dd-dddd", "ddd dd dddd"],
        words: Words::new(&[
            "ssn",
            "ssns",
            "social security",
            "social-security",
            "soc sec",
            "soc. sec",
            "ss no",
            "ss number",
        ]),
        check: checks::us_ssn,
    },
    Id {
        kind: Kind::UsItin,
        shapes: &["ddd-dd-dddd", "ddd dd dddd"],
        words: Words::new(&["itin", "taxpayer identification", "taxpayer id"]),
        check: checks::us_itin,
    },
    Id {
        kind: Kind::CaSin,
        shapes: &["ddd ddd ddd", "ddd-ddd-ddd", "ddddddddd"],
        words: Words::new(&["sin number", "sin no", "social insurance", "assurance sociale"]),
        check: checks::ca_sin,
    },
    Id {
        kind: Kind::UkNhs,
        shapes: &["ddd ddd dddd", "ddd-ddd-dddd", "dddddddddd"],
        words: Words::new(&["nhs", "national health"]),
        check: checks::uk_nhs,
    },
    Id {
        kind: Kind::UkNino,
        shapes: &["AA dd dd dd A", "AAddddddA", "AA dddddd A", "AA-dd-dd-dd-A"],
        words: Words::new(&["nino", "national insurance", "ni number", "ni no", "n.i"]),
        check: checks::uk_nino,
    },
    Id {
        kind: Kind::DeSteuerId,
        shapes: &["ddddddddddd", "dd ddd ddd ddd"],
        words: Words::new(&[
            "steuer-id",
            "steuer id",
            "steuerid",
            "idnr",
            "steueridentifikationsnummer",
            "identifikationsnummer",
            "steuer-identifikationsnummer",
            "steuernummer",
            "tax id",
        ]),
        check: checks::de_steuer_id,
    },
    Id {
        kind: Kind::FrNir,
        shapes: &["ddddNNddddddddd", "d dd dd NN ddd ddd dd", "d dd dd NN ddd ddd | dd"],
        words: Words::new(&[
            "nir",
            "sécurité sociale",
            "securite sociale",
            "numéro de sécu",
            "insee",
            "n° de sécurité",
        ]),
        check: checks::fr_nir,
    },
    Id {
        kind: Kind::EsDni,
        shapes: &["ddddddddA", "dddddddd-A", "dddddddd A", "dd.ddd.ddd-A", "AdddddddA", "A-ddddddd-A"],
        words: Words::new(&[
            "dni",
            "nif",
            "nie",
            "documento nacional",
            "extranjero",
            "d.n.i",
            "n.i.f",
            "n.i.e",
        ]),
        check: checks::es_dni,
    },
    Id {
        kind: Kind::ItCodiceFiscale,
        shapes: &["AAAAAANNANNANNNA", "AAA AAA NNANN ANNNA"],
        words: Words::new(&["codice fiscale", "cod. fisc", "cod.fisc", "fiscale", "fiscal code", "c.f"]),
        check: checks::it_codice_fiscale,
    },
    Id {
        kind: Kind::NlBsn,
        shapes: &["ddddddddd", "dddd.dd.ddd", "dddd dd ddd"],
        words: Words::new(&["bsn", "burgerservicenummer", "sofinummer", "sofi"]),
        check: checks::nl_bsn,
    },
    Id {
        kind: Kind::BeNn,
        shapes: &["dd.dd.dd-ddd.dd", "ddddddddddd", "dd.dd.dd-ddd-dd"],
        words: Words::new(&[
            "rijksregisternummer",
            "registre national",
            "numéro national",
            "nationaal nummer",
            "niss",
            "insz",
        ]),
        check: checks::be_nn,
    },
    Id {
        kind: Kind::PlPesel,
        shapes: &["ddddddddddd"],
        words: Words::new(&["pesel"]),
        check: checks::pl_pesel,
    },
    Id {
        kind: Kind::BrCpf,
        shapes: &["ddd.ddd.ddd-dd", "ddddddddddd"],
        words: Words::new(&["cpf"]),
        check: checks::br_cpf,
    },
    Id {
        kind: Kind::BrCnpj,
        shapes: &["dd.ddd.ddd/dddd-dd", "dddddddddddddd"],
        words: Words::new(&["cnpj"]),
        check: checks::br_cnpj,
    },
    Id {
        kind: Kind::InAadhaar,
        shapes: &["dddd dddd dddd", "dddd-dddd-dddd", "dddddddddddd"],
        words: Words::new(&["aadhaar", "aadhar", "adhaar", "adhar", "uidai", "आधार"]),
        check: checks::in_aadhaar,
    },
    Id {
        kind: Kind::CnResidentId,
        shapes: &["dddddddddddddddddN"],
        words: Words::new(&[
            "身份证",
            "身份證",
            "身分证",
            "公民身份号码",
            "id card",
            "identity card",
            "resident identity",
        ]),
        check: checks::cn_resident_id,
    },
    Id {
        kind: Kind::JpMyNumber,
        shapes: &["dddddddddddd", "dddd dddd dddd", "dddd-dddd-dddd"],
        words: Words::new(&["マイナンバー", "個人番号", "my number", "mynumber"]),
        check: checks::jp_my_number,
    },
    Id {
        kind: Kind::KrRrn,
        shapes: &["dddddd-ddddddd", "ddddddddddddd"],
        words: Words::new(&["주민등록번호", "주민번호", "rrn", "resident registration"]),
        check: checks::kr_rrn,
    },
    Id {
        kind: Kind::FiHetu,
        shapes: &["dddddd-dddN", "dddddd+dddN", "ddddddAdddN"],
        words: Words::new(&[
            "hetu",
            "sotu",
            "henkilötunnus",
            "henkilötunnukseni",
            "henkilötunnuksesi",
            "personal identity code",
            "personbeteckning",
        ]),
        check: checks::fi_hetu,
    },
    Id {
        kind: Kind::SePersonnummer,
        shapes: &["dddddd-dddd", "dddddd+dddd", "dddddddd-dddd", "dddddddddddd", "dddddddddd"],
        words: Words::new(&[
            "personnummer",
            "personnr",
            "pers.nr",
            "pnr",
            "samordningsnummer",
            "personal identity number",
            "personal number",
        ]),
        check: checks::se_personnummer,
    },
    Id {
        kind: Kind::NoFodselsnummer,
        shapes: &["dddddd ddddd", "ddddddddddd"],
        words: Words::new(&[
            "fødselsnummer",
            "fodselsnummer",
            "fødselsnr",
            "personnummer",
            "d-nummer",
            "fnr",
        ]),
        check: checks::no_fodselsnummer,
    },
    Id {
        kind: Kind::AuTfn,
        shapes: &["ddd ddd ddd", "ddddddddd", "ddd-ddd-ddd"],
        words: Words::new(&["tfn", "t.f.n", "tax file"]),
        check: checks::au_tfn,
    },
    Id {
        kind: Kind::TrTckn,
        shapes: &["ddddddddddd"],
        words: Words::new(&["tckn", "tc kimlik", "t.c. kimlik", "kimlik no", "kimlik numarası"]),
        check: checks::tr_tckn,
    },
    Id {
        kind: Kind::ZaId,
        shapes: &["ddddddddddddd", "dddddd dddd ddd"],
        words: Words::new(&["id number", "identity number", "id no", "sa id", "rsa id", "south african id"]),
        check: checks::za_id,
    },
    Id {
        kind: Kind::MxCurp,
        shapes: &["AAAAddddddAAAAAANd"],
        words: Words::new(&["curp"]),
        check: checks::mx_curp,
    },
    Id {
        kind: Kind::ArCuit,
        shapes: &["dd-dddddddd-d", "ddddddddddd"],
        words: Words::new(&["cuit", "cuil"]),
        check: checks::ar_cuit,
    },
    Id {
        kind: Kind::ClRut,
        shapes: &["dd.ddd.ddd-N", "d.ddd.ddd-N", "dddddddd-N", "ddddddd-N"],
        words: Words::new(&["rut", "rol único"]),
        check: checks::cl_rut,
    },
    Id {
        kind: Kind::ChAhv,
        shapes: &["ddd.dddd.dddd.dd", "ddddddddddddd"],
        words: Words::new(&["ahv", "avs", "ahvn13", "ahv-nr", "ahv-nummer", "sozialversicherungsnummer"]),
        check: checks::ch_ahv,
    },
    Id {
        kind: Kind::AtSvnr,
        shapes: &["dddd dddddd", "dddddddddd"],
        words: Words::new(&[
            "svnr",
            "sv-nr",
            "sozialversicherungsnummer",
            "sv-nummer",
            "versicherungsnummer",
        ]),
        check: checks::at_svnr,
    },
    Id {
        kind: Kind::PtNif,
        shapes: &["ddddddddd", "ddd ddd ddd"],
        words: Words::new(&["nif", "n.i.f", "contribuinte"]),
        check: checks::pt_nif,
    },
    Id {
        kind: Kind::IePps,
        shapes: &["dddddddAA", "dddddddA"],
        words: Words::new(&["pps", "ppsn", "personal public service"]),
        check: checks::ie_pps,
    },
    Id {
        kind: Kind::IlId,
        shapes: &["ddddddddd", "dddddddd-d"],
        words: Words::new(&["תעודת זהות", "ת.ז", "ת\"ז", "teudat zehut", "israeli id"]),
        check: checks::il_id,
    },
    Id {
        kind: Kind::SgNric,
        shapes: &["AdddddddA"],
        words: Words::new(&["nric", "fin no", "fin number", "ic no", "ic number", "identity card"]),
        check: checks::sg_nric,
    },
    Id {
        kind: Kind::ThId,
        shapes: &["d-dddd-ddddd-dd-d", "ddddddddddddd", "d dddd ddddd dd d"],
        words: Words::new(&["บัตรประชาชน", "ประจำตัวประชาชน", "thai id", "thai national id", "citizen id"]),
        check: checks::th_id,
    },
    Id {
        kind: Kind::RoCnp,
        shapes: &["ddddddddddddd"],
        words: Words::new(&["cnp", "cod numeric"]),
        check: checks::ro_cnp,
    },
    Id {
        kind: Kind::BgEgn,
        shapes: &["dddddddddd"],
        words: Words::new(&["егн", "egn", "единен граждански"]),
        check: checks::bg_egn,
    },
    Id {
        kind: Kind::EeIsikukood,
        shapes: &["ddddddddddd"],
        words: Words::new(&["isikukood", "personal code"]),
        check: checks::ee_isikukood,
    },
    Id {
        kind: Kind::HrOib,
        shapes: &["ddddddddddd"],
        words: Words::new(&["oib", "osobni identifikacijski"]),
        check: checks::hr_oib,
    },
];

/// The identifiers of these kinds whose first run of digits begins at `run`; letters may stand before it.
pub(crate) fn at(text: &[u8], run: usize, kinds: Kinds, mut offer: impl FnMut(Kind, Verdict)) {
    let letters = text[..run].iter().rev().take(7).take_while(|byte| byte.is_ascii_alphabetic()).count();
    // "AB 12 34 56 C" and "A-1234567-B": letters, then one separator
    let before = run.checked_sub(1).map(|at| text[at]);
    let spaced = if letters == 0 && matches!(before, Some(b' ' | b'-')) {
        text[..run - 1].iter().rev().take(3).take_while(|byte| byte.is_ascii_alphabetic()).count()
    } else {
        0
    };
    let spaced_start = (spaced > 0).then(|| run - 1 - spaced);
    // "RSN NDR 67B64 C907E": three letters twice
    let first_of_two = spaced_start.and_then(|start| {
        let group = text[..start].last_chunk::<4>()?;
        let is_group = group[3] == b' ' && group[..3].iter().all(u8::is_ascii_alphabetic);
        (spaced == 3 && is_group).then(|| start - 4)
    });
    let starts = [Some(run - letters), spaced_start, first_of_two];
    for start in starts.into_iter().flatten() {
        if context::alnum_before(text, start) {
            continue;
        }
        for id in IDS.iter().filter(|id| kinds.has(id.kind)) {
            match id.at(text, start) {
                Verdict::Nothing => {}
                verdict => offer(id.kind, verdict),
            }
        }
    }
}

impl Id {
    fn at(&self, text: &[u8], start: usize) -> Verdict {
        let joined = |byte: u8| matches!(byte, b'.' | b'-' | b'/' | b'_' | b'+');
        if start > 1 && joined(text[start - 1]) && text[start - 2].is_ascii_alphanumeric() {
            return Verdict::Nothing;
        }
        for shape in self.shapes {
            let end = start + shape.len();
            let Some(number) = text.get(start..end).and_then(|piece| read(piece, shape)) else { continue };
            let goes_on = text.get(end).is_some_and(|&byte| joined(byte)) && context::alnum_at(text, end + 1);
            if context::alnum_at(text, end) || goes_on {
                continue;
            }
            let is_valid = (self.check)(&number.0[..number.1]);
            if (is_valid && stands_alone(self.kind, &text[start..end])) || self.is_named(text, start, end) {
                return Verdict::checked(is_valid, start..end);
            }
        }
        Verdict::Nothing
    }
}

impl Id {
    /// A word before it, or right after it (`219-09-9998 is my SSN`).
    fn is_named(&self, text: &[u8], start: usize, end: usize) -> bool {
        let after = length_of_clause(text, end);
        self.words.before(text, start, CONTEXT_BYTES)
            || self.words.before(text, end + after, after)
            || is_named_in_capitals(self.kind, text, start)
    }
}

/// Letters in capitals and digits of a piece with this shape.
fn read(piece: &[u8], shape: &str) -> Option<([u8; MOST], usize)> {
    let mut number = [0; MOST];
    let mut count = 0;
    for (&byte, class) in piece.iter().zip(shape.bytes()) {
        let fits = match class {
            b'd' => byte.is_ascii_digit(),
            b'A' => byte.is_ascii_alphabetic(),
            b'N' => byte.is_ascii_alphanumeric(),
            _ => byte == class,
        };
        if !fits {
            return None;
        }
        if byte.is_ascii_alphanumeric() {
            *number.get_mut(count)? = byte.to_ascii_uppercase();
            count += 1;
        }
    }
    Some((number, count))
}
