//! As much of JSON Schema as a record's schema uses; a keyword that is not known here fails the test.

use serde_json::Value;

/// Checks a value against the schema of a record, or says where it fails first.
pub(crate) fn check(value: &Value) -> Result<(), String> {
    let text = results::Record::json_schema();
    let schema: Value = serde_json::from_str(&text).unwrap();
    conforms(value, &schema, &schema, "")
}

fn conforms(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    for (keyword, argument) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "format" => {}
            "$ref" => {
                let pointer = argument.as_str().unwrap().trim_start_matches('#');
                conforms(value, root.pointer(pointer).unwrap(), root, at)?;
            }
            "type" => check_type(value, argument, at)?,
            "minimum" => {
                let least = argument.as_f64().unwrap();
                if value.as_f64().is_some_and(|number| number < least) {
                    return Err(format!("{at}: {value} is below {argument}"));
                }
            }
            "anyOf" => {
                let branches = argument.as_array().unwrap();
                if !branches
                    .iter()
                    .any(|branch| conforms(value, branch, root, at).is_ok())
                {
                    return Err(format!("{at}: {value} is none of what it may be"));
                }
            }
            "required" => check_required(value, argument, at)?,
            "properties" => {
                for (name, property) in argument.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        conforms(value, property, root, &format!("{at}/{name}"))?;
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    conforms(item, argument, root, &format!("{at}/{index}"))?;
                }
            }
            unknown => panic!("the schema uses {unknown:?}, which this test does not know"),
        }
    }
    Ok(())
}

fn check_type(value: &Value, argument: &Value, at: &str) -> Result<(), String> {
    let is_of = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("{unknown:?} is no type"),
    };
    let allowed = match argument {
        Value::Array(names) => names.iter().any(|name| is_of(name.as_str().unwrap())),
        name => is_of(name.as_str().unwrap()),
    };
    if allowed {
        Ok(())
    } else {
        Err(format!("{at}: {value} is not of type {argument}"))
    }
}

fn check_required(value: &Value, argument: &Value, at: &str) -> Result<(), String> {
    let names = argument.as_array().unwrap();
    match names
        .iter()
        .find(|name| value.get(name.as_str().unwrap()).is_none())
    {
        Some(name) => Err(format!("{at}: {name} is missing")),
        None => Ok(()),
    }
}
