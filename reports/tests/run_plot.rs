//! The pictures as their readers get them.

use std::io::Cursor;

use expect_test::expect_file;
use reports::run_plot::{png, svg};

mod fixtures;

use fixtures::{gallery, record};

/// The pictures that are committed: what a change of the drawing changes shows in the difference.
#[test]
fn svg_is_as_committed() {
    let committed = [
        ("one-case", expect_file!["golden/one-case.svg"]),
        ("three-sizes", expect_file!["golden/three-sizes.svg"]),
        ("one-invalid", expect_file!["golden/one-invalid.svg"]),
        ("bandwidth", expect_file!["golden/bandwidth.svg"]),
    ];
    for (name, expected) in committed {
        let (_, record) = gallery().into_iter().find(|(n, _)| *n == name).unwrap();
        expected.assert_eq(&svg(&record).unwrap());
    }
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    for (name, record) in gallery().into_iter().take(3) {
        assert_eq!(svg(&record).unwrap(), svg(&record).unwrap(), "{name}");
        assert_eq!(png(&record).unwrap(), png(&record).unwrap(), "{name}");
    }
}

/// A host may name itself as it likes: what stands in a record is text in the picture, never markup, and the document
/// stays one that XML allows.
#[test]
fn strings_of_the_record_are_text_and_nothing_else() {
    let (_, record) = gallery()
        .into_iter()
        .find(|(name, _)| *name == "hostile-names")
        .unwrap();
    let document = svg(&record).unwrap();
    assert!(!document.contains("<script"), "{document}");
    assert!(!document.contains("<b>"), "{document}");
    assert!(
        document.contains("Host &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"),
        "{document}"
    );
    assert!(document.contains("A &amp; B ]]&gt; dlrow"), "{document}");
    assert!(
        document.contains("&lt;b&gt;&amp;amp;&apos;&quot;, n = 1000"),
        "{document}"
    );
    assert!(!document.contains(['\u{1}', '\u{202E}']), "{document}");
}

#[test]
fn every_document_is_well_formed_and_described() {
    for (name, record) in gallery() {
        let document = svg(&record).unwrap();
        assert!(
            document.starts_with("<svg role=\"img\" "),
            "{name}: {document}"
        );
        assert!(document.ends_with("</svg>\n"), "{name}: {document}");
        for element in ["title", "desc"] {
            let (open, close) = (format!("<{element}>"), format!("</{element}>"));
            assert_eq!(document.matches(&open).count(), 1, "{name}");
            assert_eq!(document.matches(&close).count(), 1, "{name}");
        }
        check_tags(name, &document);
    }
}

/// Each tag that is opened is closed in turn, and no `<` or `&` stands for itself.
fn check_tags(name: &str, document: &str) {
    let mut open = Vec::new();
    for piece in document.split('<').skip(1) {
        let (tag, text) = piece
            .split_once('>')
            .unwrap_or_else(|| panic!("{name}: {piece}"));
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{name}");
        } else if !tag.ends_with('/') {
            open.push(tag.split(' ').next().unwrap());
        }
        for entity in text.split('&').skip(1) {
            let known = ["lt;", "gt;", "amp;", "quot;", "apos;"];
            assert!(
                known.iter().any(|known| entity.starts_with(known)),
                "{name}: &{entity}"
            );
        }
    }
    assert!(open.is_empty(), "{name}: {open:?}");
}

#[test]
fn png_has_the_size_of_the_svg_twice_and_is_not_blank() {
    for (name, record) in gallery() {
        let bytes = png(&record).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let document = svg(&record).unwrap();
        let size = format!(
            "width=\"{}\" height=\"{}\"",
            info.width / 2,
            info.height / 2
        );
        assert!(document.contains(&size), "{name}: {size}");
        let dark = pixels.chunks(3).filter(|pixel| pixel[0] < 128).count();
        assert!(dark > 500, "{name}: {dark} dark pixels");
        // The page's rim is empty: nothing is cut off.
        let row = info.width as usize * 3;
        assert!(
            pixels[..row]
                .iter()
                .chain(&pixels[pixels.len() - row..])
                .all(|byte| *byte == 255),
            "{name}"
        );
    }
}

/// The two are drawn by one function, but put letters where each thinks right: the colours must be there in both.
#[test]
fn an_invalid_sample_is_an_x_in_vermillion_with_its_word() {
    let (_, invalid) = gallery()
        .into_iter()
        .find(|(name, _)| *name == "one-invalid")
        .unwrap();
    let document = svg(&invalid).unwrap();
    assert!(
        document.contains("#D55E00") && document.contains("INVALID\n"),
        "{document}"
    );
    assert!(document.contains("1 of 3 INVALID"), "{document}");
    let valid = svg(&record(vec![fixtures::case(100, &[1.0, 2.0])])).unwrap();
    assert!(
        !valid.contains("#D55E00") && !valid.contains("INVALID"),
        "{valid}"
    );
}
