//! What is exported, and that nothing that stands in a record gets out of its place.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::record::{Case, Sample};
use crate::statistics::median;
use crate::store::parse_record;

/// The article's run: three samples, too few for an interval.
const ARTICLE: &[u8] = include_bytes!("../../tests/golden/record-v1.json");

fn article() -> Record {
    parse_record(ARTICLE).unwrap()
}

/// The article's run with these run times.
fn record(run_times_s: &[f64]) -> Record {
    let mut record = article();
    let case = &mut record.cases[0];
    let flop = case.flop;
    let sample = case.samples[0].clone();
    let taken = run_times_s.iter().map(|run_time_s| Sample {
        run_time_s: *run_time_s,
        gflops: 1e-9 * flop / run_time_s,
        ..sample.clone()
    });
    case.samples = taken.collect();
    record
}

fn text(records: &[Record], format: Format) -> String {
    let records: Vec<&Record> = records.iter().collect();
    match export(&records, format, Some("3f2a9c41d07be5a8")).unwrap() {
        Exported::Text(text) => text,
        Exported::Files(files) => {
            let files = files.into_iter();
            let files = files.map(|(path, text)| format!("== {}\n{text}", path.display()));
            files.collect::<Vec<String>>().concat()
        }
    }
}

fn json(records: &[Record], format: Format) -> Value {
    serde_json::from_str(&text(records, format)).unwrap()
}

/// The story: a rate of 1e308 was none any more in operations a second, and its reader got `null`.
#[test]
fn rates_that_overflow_in_another_unit_are_not_exported() {
    for (flop, bytes) in [(1e308, None), (1.0, Some(1e308))] {
        let mut record = record(&[1e-9, 1e-9]);
        record.cases[0].flop = flop;
        record.cases[0].bytes = bytes;
        for sample in &mut record.cases[0].samples {
            sample.gflops = 1e-9 * flop / sample.run_time_s;
        }
        for format in Format::ALL {
            match export(&[&record], format, Some("3f2a9c41d07be5a8")) {
                Err(error) => assert_eq!(error, ExportError::NothingVerified(format)),
                Ok(exported) => assert!(!format!("{exported:?}").contains("null"), "{format}"),
            }
        }
    }
}

/// Every format of one run of seven samples, as committed.
#[test]
fn each_format_is_as_committed() {
    let mut record = record(&[1.95, 1.94, 1.97, 1.93, 1.96, 1.99, 1.92]);
    record.grade = Some(crate::grade::grade(&record));
    for (format, extension) in Format::ALL.into_iter().zip([
        "json", "json", "json", "json", "txt", "json", "xml", "md", "csv",
    ]) {
        let path = format!(
            "{}/tests/golden/exchange/{format}.{extension}",
            env!("CARGO_MANIFEST_DIR")
        );
        let text = text(std::slice::from_ref(&record), format);
        // expect-test reads CRLF as LF, so that it cannot see which of them ends a line.
        let crlf = text.matches("\r\n").count();
        let expected = if format == Format::Csv {
            text.matches('\n').count()
        } else {
            0
        };
        assert_eq!(crlf, expected, "{format}");
        expect_test::expect_file![path].assert_eq(&text.replace("\r\n", "\n"));
    }
}

#[test]
fn names_are_those_of_the_case_and_never_the_same_for_two() {
    let mut case = article().cases.remove(0);
    let name = |change: fn(&mut Case)| {
        let mut case = case.clone();
        change(&mut case);
        names::case_name(&case)
    };
    assert_eq!(name(|_| ()), "matmul-norm/f64/n=10000/threads=18");
    assert_eq!(
        name(|case| case.blas = Some("newest".to_owned())),
        "matmul-norm/f64/n=10000/threads=18/blas=newest"
    );
    assert_eq!(
        name(|case| case.driver = Some("team".to_owned())),
        "matmul-norm/f64/n=10000/threads=18"
    );
    assert_eq!(
        name(|case| {
            case.driver = Some("library".to_owned());
            case.panel_rows = Some(2048);
        }),
        "matmul-norm/f64/n=10000/threads=18/driver=library/panels=2048"
    );
    assert_eq!(
        name(|case| case.kernel = "a/b %".to_owned()),
        "a%2Fb%20%25/f64/n=10000/threads=18"
    );
    assert_eq!(
        name(|case| case.kernel = "..".to_owned()),
        "%2E%2E/f64/n=10000/threads=18"
    );
    case.kernel.clear();
    assert_eq!(names::case_name(&case), "%/f64/n=10000/threads=18");
}

#[test]
fn several_hosts_are_told_apart_by_name() {
    let mut other = article();
    other.host.hostname = "amd".to_owned();
    let both = [article(), other];
    let names = |format| {
        let results = json(&both, format);
        let results = results.as_array().unwrap().clone();
        results
            .into_iter()
            .map(|it| it["name"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(Format::GithubActionBenchmark),
        [
            "matmul-norm/f64/n=10000/threads=18/host=i9",
            "matmul-norm/f64/n=10000/threads=18/host=amd"
        ]
    );
    let [one, two] = &both;
    let error = export(&[one, two], Format::GoogleBenchmark, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot export to google-benchmark: one file describes one host and the records are of i9 and amd (export them one by one)"
    );
}

#[test]
fn of_several_runs_the_figure_is_the_median_of_their_medians() {
    let runs = [
        record(&[1.0, 1.0, 1.0, 1.0, 1.0]),
        record(&[2.0]),
        record(&[4.0]),
    ];
    let results = json(&runs, Format::Bmf);
    let value = &results["matmul-norm/f64/n=10000/threads=18"]["throughput"]["value"];
    let flop = article().cases[0].flop;
    assert!((value.as_f64().unwrap() / (flop / 2.0) - 1.0).abs() < 1e-12);
    // pyperf has a place for each run.
    let suite = json(&runs, Format::Pyperf);
    assert_eq!(suite["benchmarks"][0]["runs"].as_array().unwrap().len(), 3);
}

#[test]
fn bytes_are_told_as_such() {
    let mut record = record(&[2.0]);
    record.cases[0].bytes = Some(4e9);
    let results = json(std::slice::from_ref(&record), Format::GithubActionBenchmark);
    assert_eq!(results[0]["unit"], "GB/s");
    assert!((results[0]["value"].as_f64().unwrap() - 2.0).abs() < 1e-12);
}

#[test]
fn what_failed_is_never_a_figure() {
    let mut record = record(&[1.0, 2.0, 3.0]);
    record.cases[0].samples[1].verification.passed = false;
    let results = json(std::slice::from_ref(&record), Format::Hyperfine);
    assert_eq!(
        results["results"][0]["times"],
        serde_json::json!([1.0, 3.0])
    );
    for sample in &mut record.cases[0].samples {
        sample.verification.passed = false;
    }
    for format in Format::ALL {
        let exported = export(&[&record], format, Some("3f2a9c41"));
        match format {
            Format::Junit | Format::Markdown | Format::Csv => {
                let Ok(Exported::Text(text)) = exported else {
                    panic!("{format}")
                };
                assert!(
                    text.contains("3 of 3 samples failed")
                        || text.contains("**0 of 3**")
                        || text.contains(",false,")
                );
            }
            _ => assert_eq!(exported, Err(ExportError::NothingVerified(format))),
        }
    }
    assert_eq!(
        without_figures(&[&record]),
        ["matmul-norm/f64/n=10000/threads=18"]
    );
}

#[test]
fn asv_wants_a_commit_and_takes_nothing_else_for_one() {
    let mut record = article();
    let files = |record: &Record, commit| export(&[record], Format::Asv, commit);
    assert!(files(&record, None).is_ok());
    for commit in ["../../etc", "abc", "zzzzzzzzzz", ""] {
        assert!(files(&record, Some(commit)).is_err(), "{commit}");
    }
    record.software.bench_commit = None;
    assert_eq!(
        files(&record, None).unwrap_err().to_string(),
        "cannot export to asv: the record 5d0c2f71 does not say of which commit it is (name it with --commit HASH)"
    );
    let present = r#"{"a": {"name": "a"}, "version": 2}"#;
    let both = merge_asv_benchmarks(present, r#"{"b": {}, "version": 2}"#).unwrap();
    let both: Value = serde_json::from_str(&both).unwrap();
    assert!(both["a"].is_object() && both["b"].is_object());
    assert_eq!(merge_asv_benchmarks("[]", present), None);
    assert_eq!(merge_asv_benchmarks(r#"{"version": 1}"#, present), None);
}

#[test]
fn escapes_are_what_their_readers_understand() {
    assert_eq!(escape::one_line(" a\r\nb\u{202e}\0 "), "a  b");
    assert_eq!(
        escape::xml("<a b='\"'>&\n\0\u{ffff}"),
        "&lt;a b=&apos;&quot;&apos;&gt;&amp;&#10;\u{fffd}\u{fffd}"
    );
    assert_eq!(escape::markdown("|`@x`|"), "&#124;&#96;&#64;x&#96;&#124;");
    assert_eq!(
        escape::markdown("at 17:03, n=1 :tada: a//b www.c"),
        "at 17:03, n=1 &#58;tada: a&#47;/b www&#46;c"
    );
    for (field, expected) in [
        ("plain", "plain"),
        ("a,b", "\"a,b\""),
        ("a\"b", "\"a\"\"b\""),
        ("=1+1", "\"'=1+1\""),
        ("\t=1+1", "\"'=1+1\""),
        ("-1", "\"'-1\""),
        ("＝1", "\"'＝1\""),
        ("a\nb", "a b"),
    ] {
        assert_eq!(escape::csv(field), expected);
    }
}

/// The text of an XML document's attributes and elements, by a reader that knows just enough; `None` where it is not well formed.
fn unescape_xml(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(place) = rest.find('&') {
        plain += &rest[..place];
        let end = rest[place..].find(';')? + place;
        plain.push(match &rest[place + 1..end] {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => char::from_u32(number.strip_prefix('#')?.parse().ok()?)?,
        });
        rest = &rest[end + 1..];
    }
    Some(plain + rest)
}

/// Fields of a line of CSV; `None` where it is not RFC 4180's.
fn csv_fields(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let mut end = 0;
            loop {
                end += quoted[end..].find('"')?;
                if !quoted[end + 1..].starts_with('"') {
                    break;
                }
                end += 2;
            }
            (quoted[..end].replace("\"\"", "\""), &quoted[end + 1..])
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(fields),
        }
    }
}

/// Strings that are likely to break something.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[<>&'\"|`\\\\\r\n\t\u{0}\u{1b}=+@\\-\u{202e}\u{fffe},;:/.#a]{0,12}",
    ]
}

proptest! {
    #[test]
    fn numbers_come_back_as_they_were(run_times_s in prop::collection::vec(1e-6..1e4f64, 1..30)) {
        let record = record(&run_times_s);
        let rates: Vec<f64> = record.cases[0].samples.iter().map(|sample| sample.gflops).collect();
        let one = std::slice::from_ref(&record);
        let numbers = |value: &Value| value.as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect::<Vec<f64>>();

        prop_assert_eq!(numbers(&json(one, Format::Hyperfine)["results"][0]["times"]), run_times_s.clone());
        prop_assert_eq!(numbers(&json(one, Format::Pyperf)["benchmarks"][0]["runs"][0]["values"]), run_times_s.clone());
        let google = json(one, Format::GoogleBenchmark);
        let of_samples = google["benchmarks"].as_array().unwrap().iter().filter(|it| it["run_type"] == "iteration");
        let of_samples: Vec<f64> = of_samples.map(|it| it["real_time"].as_f64().unwrap()).collect();
        prop_assert_eq!(of_samples, run_times_s.clone());
        let github = json(one, Format::GithubActionBenchmark);
        prop_assert_eq!(github[0]["value"].as_f64(), median(&rates));
        prop_assert_eq!(github[0]["range"].is_string(), run_times_s.len() >= 6);
        let csv = text(one, Format::Csv);
        let of_csv: Vec<f64> = csv.lines().skip(1).map(|line| csv_fields(line).unwrap()[21].parse().unwrap()).collect();
        prop_assert_eq!(of_csv, run_times_s.clone());
        let Ok(Exported::Files(files)) = export(&[&record], Format::Asv, None) else { panic!() };
        let results: Value = serde_json::from_str(&files[1].1).unwrap();
        prop_assert_eq!(numbers(&results["results"]["matmul-norm/f64/n=10000/threads=18"][11][0]), run_times_s);
    }

    #[test]
    fn no_string_leaves_its_place(one in hostile(), other in hostile()) {
        let mut record = record(&[1.0, 2.0]);
        record.host.hostname.clone_from(&one);
        record.host.cpu.model.clone_from(&other);
        record.cases[0].kernel.clone_from(&other);
        record.software.blas.version.clone_from(&one);
        record.started_utc.clone_from(&other);
        record.id.clone_from(&one);
        record.warnings = vec![one.clone()];
        let records = std::slice::from_ref(&record);

        for format in [Format::Bmf, Format::GithubActionBenchmark, Format::GoogleBenchmark, Format::Hyperfine, Format::Pyperf] {
            // Names that are too long are refused.
            if let Ok(Exported::Text(text)) = export(&[&record], format, None) {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            }
        }
        let Ok(Exported::Files(files)) = export(&[&record], Format::Asv, None) else { panic!() };
        for (path, _) in files {
            let parts: Vec<_> = path.components().collect();
            let are_normal = parts.iter().all(|part| matches!(part, std::path::Component::Normal(_)));
            prop_assert!(are_normal && parts.len() <= 2, "{}", path.display());
        }
        for line in text(records, Format::Csv).split_terminator("\r\n").skip(1) {
            let fields = csv_fields(line).unwrap();
            prop_assert_eq!(fields.len(), 26);
            prop_assert!(fields.iter().all(|field| !field.starts_with(['=', '+', '-', '@', '\t', '\r'])));
            prop_assert!(!line.contains(['\r', '\n', '\0']));
        }
        let xml = text(records, Format::Junit);
        let article_xml = text(&[article()], Format::Junit);
        prop_assert_eq!(xml.matches('<').count(), article_xml.matches('<').count());
        prop_assert_eq!(xml.matches('"').count(), article_xml.matches('"').count() - if xml.contains("timestamp") { 0 } else { 2 });
        prop_assert!(unescape_xml(&xml).is_some());
        let is_xml = |letter: char| letter == '\n' || (letter >= ' ' && !matches!(letter, '\u{fffe}' | '\u{ffff}'));
        let are_xml = xml.chars().all(is_xml);
        prop_assert!(are_xml);
        let markdown = text(records, Format::Markdown);
        let table = markdown.lines().filter(|line| line.starts_with('|'));
        for row in table {
            prop_assert_eq!(row.matches('|').count(), 7, "{}", row);
        }
        prop_assert_eq!(markdown.matches('<').count(), 4, "{}", markdown);
    }

    #[test]
    fn xml_text_comes_back(text in any::<String>()) {
        let is_xml = |letter: &char| matches!(letter, '\t' | '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
        let plain = unescape_xml(&escape::xml(&text)).unwrap();
        let expected: String = text.chars().map(|letter| if is_xml(&letter) { letter } else { '\u{fffd}' }).collect();
        prop_assert_eq!(plain, expected);
    }

    #[test]
    fn different_parts_have_different_names(one in hostile(), other in hostile()) {
        prop_assert_eq!(names::safe(&one) == names::safe(&other), one == other);
    }
}
