//! Answers of `/v1/`, held against the OpenAPI document of the same Swan: every one that any test sees.
//!
//! The document has to know the operation, the status, and the type of the body. A JSON body has to be what its schema
//! says, and has no field that the schema does not name.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::http::Answer;

/// How many of a body's faults are told.
const FAULTS_TOLD: usize = 5;

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let document = serde_json::to_value(web::openapi()).expect("the document has a JSON form");
    Document { whole: closed(document), validators: Mutex::default() }
});

/// The document, with schemas that know their fields and no others.
struct Document {
    whole: Value,
    /// By the place of their schema.
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

/// Fails where an answer is not one that the document promises.
pub(crate) fn check(method: &str, target: &str, answer: &Answer) {
    let path = target.split('?').next().unwrap_or_default();
    if !path.starts_with("/v1/") {
        return;
    }
    if let Err(wrong) = DOCUMENT.promises(method, path, answer) {
        panic!("{method} {path} is not answered as the OpenAPI document says: {wrong}\n{answer:?}");
    }
}

/// The operation that a request asks for, as `GET /v1/pages/{page}`.
pub(crate) fn operation(method: &str, target: &str) -> Option<String> {
    let path = target.split('?').next().unwrap_or_default();
    DOCUMENT.operation(method, path).map(|(template, _)| format!("{method} {template}"))
}

/// Every operation.
pub(crate) fn operations() -> impl Iterator<Item = String> {
    let paths = DOCUMENT.whole["paths"].as_object().expect("a document has paths");
    paths.iter().flat_map(|(template, operations)| {
        let methods = operations.as_object().expect("a path has operations").keys();
        methods.map(move |method| format!("{} {template}", method.to_uppercase()))
    })
}

impl Document {
    fn promises(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        let Some((template, operation)) = self.operation(method, path) else {
            return self.is_unknown(answer);
        };
        let status = answer.status.to_string();
        let Some(response) = operation["responses"].get(&status) else {
            return Err(format!("it knows no status {status}"));
        };
        let (place, response) = match response["$ref"].as_str() {
            Some(reference) => (reference.trim_start_matches('#').to_owned(), self.at(reference)),
            None => {
                let (template, method) = (template.replace('/', "~1"), method.to_lowercase());
                (format!("/paths/{template}/{method}/responses/{status}"), response)
            }
        };
        let none = Map::new();
        let content = response["content"].as_object().unwrap_or(&none);
        if content.is_empty() {
            return if answer.body.is_empty() { Ok(()) } else { Err("it knows no body".to_owned()) };
        }
        let kind = answer.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        if !content.contains_key(kind) {
            return Err(format!("it knows no body of type `{kind}`"));
        }
        if kind != "application/json" {
            return Ok(());
        }
        self.fits(&format!("{place}/content/application~1json/schema"), answer)
    }

    /// What the document does not know does not exist.
    fn is_unknown(&self, answer: &Answer) -> Result<(), String> {
        match answer.status {
            404 => self.fits("/components/schemas/ErrorBody", answer),
            405 => Ok(()),
            _ => Err("it knows no such operation".to_owned()),
        }
    }

    /// The template of an operation's path, and what is said of it. A part of the path that is written out goes before one that
    /// stands for any text.
    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let method = method.to_lowercase();
        let paths = self.whole["paths"].as_object()?.iter();
        let known =
            paths.filter(|(template, operations)| is_of(template, path) && operations.get(&method).is_some());
        let (template, operations) = known.min_by_key(|(template, _)| template.matches('{').count())?;
        Some((template, &operations[&method]))
    }

    fn at(&self, reference: &str) -> &Value {
        let found = self.whole.pointer(reference.trim_start_matches('#'));
        found.unwrap_or_else(|| panic!("the document refers to `{reference}`, which it does not have"))
    }

    fn fits(&self, place: &str, answer: &Answer) -> Result<(), String> {
        let body: Value =
            serde_json::from_slice(&answer.body).map_err(|error| format!("no JSON: {error}"))?;
        let validator = self.validator(place);
        let faults = validator.iter_errors(&body).take(FAULTS_TOLD);
        let faults: Vec<String> =
            faults.map(|fault| format!("`{}`: {fault}", fault.instance_path())).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    fn validator(&self, place: &str) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let made = validators.entry(place.to_owned()).or_insert_with(|| {
            let mut schema = self.at(place).clone();
            schema["components"] = self.whole["components"].clone();
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            Arc::new(options.build(&schema).unwrap_or_else(|error| panic!("{place}: {error}")))
        });
        Arc::clone(made)
    }
}

/// Whether a path has the form of a template: `/v1/pages/{page}`.
fn is_of(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(wanted, found)| wanted.starts_with('{') || wanted == found)
}

/// With every schema that names its fields closed to others.
fn closed(value: Value) -> Value {
    match value {
        Value::Array(all) => all.into_iter().map(closed).collect(),
        Value::Object(all) => {
            // Closed by itself, no part of one would take the others' fields.
            assert!(!all.contains_key("allOf"), "a schema of several has to be closed as a whole: {all:?}");
            let mut all: Map<String, Value> =
                all.into_iter().map(|(key, value)| (key, closed(value))).collect();
            if all.get("properties").is_some_and(Value::is_object)
                && all.get("type") == Some(&json!("object"))
            {
                all.entry("additionalProperties").or_insert(json!(false));
            }
            Value::Object(all)
        }
        other => other,
    }
}

fn answered(status: u16, body: &Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer { status, headers, body: body.to_string().into_bytes() }
}

#[test]
fn an_answer_that_the_document_does_not_promise_is_found() {
    let said = |path: &str, status: u16, body: Value| {
        DOCUMENT.promises("GET", path, &answered(status, &body)).err().unwrap_or_default()
    };
    let duty = json!({ "rotation": "first", "person": "ana", "until": "2026-11-20T09:30:00Z", "next": null });
    assert_eq!(said("/v1/oncall", 200, json!([duty])), "");
    let mut odd = duty.clone();
    odd["mood"] = json!("good");
    assert!(said("/v1/oncall", 200, json!([odd])).contains("mood"));
    let mut late = duty.clone();
    late["until"] = json!("at noon");
    assert!(said("/v1/oncall", 200, json!([late])).contains("date-time"));
    assert!(said("/v1/oncall", 200, json!([{}])).contains("rotation"));
    assert_eq!(said("/v1/oncall", 418, json!([])), "it knows no status 418");
    assert_eq!(said("/v1/moods", 200, json!([])), "it knows no such operation");
    assert!(said("/v1/moods", 404, json!({ "error": "there is no such page" })).contains("code"));
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let paths = DOCUMENT.whole["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|operations| operations.as_object().unwrap().values());
    let mut names: Vec<&str> = operations.map(|one| one["operationId"].as_str().unwrap()).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
