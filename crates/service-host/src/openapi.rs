//! OpenAPI 3.1 of a service, generated from the types its handlers read and write. A route is added together with its
//! description, so that none is left out; the schemas come from the generator that also makes the events' schemas.

use std::collections::BTreeMap;

use axum::{
    Router,
    http::{HeaderValue, Method, StatusCode, header},
    response::IntoResponse as _,
    routing::MethodRouter,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::Problem;

/// Makes the schema of a type known only to the caller.
type Schema = fn(&mut SchemaGenerator) -> schemars::Schema;

/// What one method of a path takes and answers.
#[derive(Clone)]
pub struct Operation {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: &'static str,
    parameters: Vec<Value>,
    query: Option<Schema>,
    body: Option<(Schema, Value)>,
    answers: BTreeMap<u16, Answer>,
    examples: BTreeMap<&'static str, Value>,
}

#[derive(Clone)]
struct Answer {
    description: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    media: Vec<(&'static str, Schema, Value)>,
}

/// A router and the description of its routes.
pub struct Api<S> {
    router: Router<S>,
    document: Document,
}

/// The description of routes.
pub struct Document {
    info: Value,
    paths: BTreeMap<String, Map<String, Value>>,
    generator: SchemaGenerator,
}

impl Operation {
    /// An operation by its unique id, the group it is shown in, and what it does in one line.
    #[must_use]
    pub const fn new(id: &'static str, tag: &'static str, summary: &'static str) -> Self {
        Self {
            id,
            tag,
            summary,
            description: "",
            parameters: vec![],
            query: None,
            body: None,
            answers: BTreeMap::new(),
            examples: BTreeMap::new(),
        }
    }

    /// What one line does not say, in Markdown.
    #[must_use]
    pub const fn description(mut self, text: &'static str) -> Self {
        self.description = text;
        self
    }

    /// A part of the path.
    #[must_use]
    pub fn path(self, name: &str, description: &str, schema: &Value, example: impl Into<Value>) -> Self {
        self.parameter("path", name, true, description, schema, &example.into())
    }

    /// A header that may be sent.
    #[must_use]
    pub fn header(self, name: &str, description: &str, schema: &Value, example: impl Into<Value>) -> Self {
        self.parameter("header", name, false, description, schema, &example.into())
    }

    fn parameter(
        mut self,
        place: &str,
        name: &str,
        required: bool,
        description: &str,
        schema: &Value,
        example: &Value,
    ) -> Self {
        self.parameters.push(json!({
            "name": name, "in": place, "required": required, "description": description,
            "schema": schema, "example": example,
        }));
        self
    }

    /// The query parameters: the members of `T`.
    #[must_use]
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// What a query parameter may look like.
    #[must_use]
    pub fn example(mut self, parameter: &'static str, value: impl Into<Value>) -> Self {
        self.examples.insert(parameter, value.into());
        self
    }

    /// The JSON body.
    #[must_use]
    pub fn body<T: JsonSchema>(mut self, example: Value) -> Self {
        self.body = Some((SchemaGenerator::subschema_for::<T>, example));
        self
    }

    /// A JSON answer.
    #[must_use]
    pub fn answers<T: JsonSchema>(self, status: u16, description: &'static str, example: Value) -> Self {
        self.answers_as::<T>("application/json", status, description, example)
    }

    /// An answer of some media type; several of one status are alternatives.
    #[must_use]
    pub fn answers_as<T: JsonSchema>(
        mut self,
        media_type: &'static str,
        status: u16,
        description: &'static str,
        example: Value,
    ) -> Self {
        let media: (_, Schema, _) = (media_type, SchemaGenerator::subschema_for::<T>, example);
        self.answer(status, description).media.push(media);
        self
    }

    /// An answer without a body.
    #[must_use]
    pub fn answers_nothing(mut self, status: u16, description: &'static str) -> Self {
        self.answer(status, description);
        self
    }

    /// A header of an answer that was declared before.
    #[must_use]
    pub fn with_header(mut self, status: u16, name: &'static str, description: &'static str) -> Self {
        self.answer(status, description).headers.push((name, description));
        self
    }

    /// A refusal, with the explanation as a client may see it.
    #[must_use]
    pub fn refuses(self, status: u16, description: &'static str, detail: &str) -> Self {
        let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let example = json!({
            "type": "about:blank", "title": title, "status": status, "detail": detail,
            "success": false, "error": detail, "details": [],
        });
        self.answers_as::<Refusal>("application/problem+json", status, description, example)
    }

    fn answer(&mut self, status: u16, description: &'static str) -> &mut Answer {
        self.answers.entry(status).or_insert_with(|| Answer { description, headers: vec![], media: vec![] })
    }
}

/// An error: RFC 9457 `application/problem+json`, with the members `success`, `error` and `details` of the older API.
#[derive(JsonSchema)]
#[schemars(rename = "Problem")]
#[expect(dead_code, reason = "stands for the JSON that Problem writes")]
struct Refusal {
    /// `about:blank`, or a URN that names the kind of problem.
    r#type: String,
    /// The name of the status.
    title: String,
    /// The status.
    status: u16,
    /// What is wrong and what to do, in words.
    detail: String,
    /// Always false.
    success: bool,
    /// The same as `detail`.
    error: String,
    /// What is wrong with each field.
    details: Vec<FieldProblem>,
}

/// What is wrong with one field.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for the JSON that Problem writes")]
struct FieldProblem {
    /// Its name.
    field: String,
    /// What it must be.
    message: String,
}

impl<S: Clone + Send + Sync + 'static> Api<S> {
    /// No routes yet.
    #[must_use]
    pub fn new(document: Document) -> Self {
        Self { router: Router::new(), document }
    }

    /// Adds a route and its description.
    #[must_use]
    pub fn route(
        mut self,
        method: &Method,
        path: &str,
        handler: MethodRouter<S>,
        operation: &Operation,
    ) -> Self {
        self.document.add(method, path, operation);
        self.router = self.router.route(path, handler);
        self
    }

    /// The router, and the description as JSON.
    pub fn split(self) -> (Router<S>, Value) {
        (self.router, self.document.into_json())
    }
}

impl Document {
    /// A document without paths.
    #[must_use]
    pub fn new(title: &str, description: &str) -> Self {
        let mut settings = SchemaSettings::draft2020_12().for_serialize();
        settings.definitions_path = "/components/schemas".into();
        let info = json!({
            "title": title, "description": description, "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        });
        Self { info, paths: BTreeMap::new(), generator: settings.into_generator() }
    }

    fn add(&mut self, method: &Method, path: &str, operation: &Operation) {
        let described = self.describe(operation);
        let methods = self.paths.entry(path.to_owned()).or_default();
        methods.insert(method.as_str().to_ascii_lowercase(), described);
    }

    fn describe(&mut self, operation: &Operation) -> Value {
        let mut parameters = operation.parameters.clone();
        if let Some(query) = operation.query {
            parameters.extend(query_parameters(query, &operation.examples));
        }
        let mut described = json!({
            "operationId": operation.id, "tags": [operation.tag], "summary": operation.summary,
            "parameters": parameters,
        });
        if !operation.description.is_empty() {
            described["description"] = operation.description.into();
        }
        if let Some((schema, example)) = &operation.body {
            let schema = schema(&mut inline_generator());
            let media = json!({ "application/json": { "schema": without_meta(schema), "example": example } });
            described["requestBody"] = json!({ "required": true, "content": media });
        }
        let answers = operation.answers.iter();
        let answers = answers.map(|(status, answer)| (status.to_string(), self.describe_answer(answer)));
        described["responses"] = answers.collect::<Map<_, _>>().into();
        described
    }

    fn describe_answer(&mut self, answer: &Answer) -> Value {
        let mut described = json!({ "description": answer.description });
        for (name, description) in &answer.headers {
            described["headers"][name] =
                json!({ "description": description, "schema": { "type": "string" } });
        }
        for (media_type, schema, example) in &answer.media {
            let schema = schema(&mut self.generator);
            described["content"][media_type] = json!({ "schema": schema, "example": example });
        }
        described
    }

    fn into_json(mut self) -> Value {
        let mut schemas = self.generator.take_definitions(true);
        for schema in schemas.values_mut() {
            forget_meta(schema);
        }
        json!({
            "openapi": "3.1.0",
            "info": self.info,
            "servers": [{ "url": "/" }],
            "paths": self.paths,
            "components": { "schemas": schemas },
        })
    }
}

/// Schemas of what clients send: nested ones stand where they are used.
fn inline_generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12().for_deserialize();
    settings.inline_subschemas = true;
    settings.into_generator()
}

fn without_meta(schema: schemars::Schema) -> Value {
    let mut schema = schema.to_value();
    forget_meta(&mut schema);
    schema
}

fn forget_meta(schema: &mut Value) {
    if let Value::Object(members) = schema {
        members.remove("$schema");
    }
}

fn query_parameters(schema: Schema, examples: &BTreeMap<&'static str, Value>) -> Vec<Value> {
    let schema = without_meta(schema(&mut inline_generator()));
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else { return vec![] };
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|members| members.remove("description"));
        forbid_null(&mut schema);
        let mut parameter = json!({
            "name": name, "in": "query", "required": required.contains(&json!(name)), "schema": schema,
        });
        if let Some(description) = description {
            parameter["description"] = description;
        }
        if let Some(example) = examples.get(name.as_str()) {
            parameter["example"] = example.clone();
        }
        parameter
    };
    properties.iter().map(parameter).collect()
}

/// A query parameter that is not set is left out: no text of a query means null.
fn forbid_null(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    members.remove("default");
    for list in ["type", "enum", "anyOf"] {
        let Some(Value::Array(values)) = members.get_mut(list) else { continue };
        values.retain(|value| *value != json!("null") && !value.is_null() && value["type"] != json!("null"));
        let only = if values.len() == 1 && list != "enum" { values.pop() } else { None };
        match only {
            Some(Value::Object(alternative)) => {
                members.remove(list);
                members.extend(alternative);
            }
            Some(only) => drop(members.insert(list.to_owned(), only)),
            None => {}
        }
    }
}

/// Puts the paths and schemas of another document into this one.
pub fn merge(document: &mut Value, other: &Value) {
    for (group, names) in [("paths", &other["paths"]), ("schemas", &other["components"]["schemas"])] {
        let target =
            if group == "paths" { &mut document["paths"] } else { &mut document["components"]["schemas"] };
        for (name, value) in names.as_object().into_iter().flatten() {
            match (target.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
                (Some(known), Some(more)) => known.extend(more.clone()),
                _ => target[name] = value.clone(),
            }
        }
    }
}

/// Lets every path of `document` refuse the methods it does not have with 405 and the list of those it has, whichever
/// service has them.
pub fn refuse_other_methods<S: Clone + Send + Sync + 'static>(
    mut router: Router<S>,
    document: &Value,
) -> Router<S> {
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        let Some(methods) = methods.as_object() else { continue };
        let mut allowed: Vec<_> = methods.keys().map(|method| method.to_ascii_uppercase()).collect();
        if allowed.iter().any(|method| method == "GET") {
            allowed.push("HEAD".to_owned());
        }
        let Ok(allowed) = HeaderValue::try_from(allowed.join(", ")) else { continue };
        let refuse = async move || {
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method");
            ([(header::ALLOW, allowed)], problem).into_response()
        };
        router = router.route(path, MethodRouter::new().fallback(refuse));
    }
    router
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema counts")]
    struct Params {
        /// How many.
        limit: Option<u8>,
        only: Option<Colour>,
    }

    #[derive(JsonSchema)]
    #[schemars(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only its schema counts")]
    enum Colour {
        Red,
        Blue,
    }

    #[test]
    fn a_query_parameter_is_left_out_instead_of_null() {
        let parameters = query_parameters(SchemaGenerator::subschema_for::<Params>, &BTreeMap::new());
        assert_eq!(parameters[0]["schema"]["type"], "integer");
        assert_eq!(parameters[0]["description"], "How many.");
        assert_eq!(parameters[1]["schema"]["enum"], json!(["red", "blue"]));
        assert_eq!(parameters[1]["required"], false);
    }

    #[test]
    fn documents_of_two_services_become_one() {
        let mut one = json!({ "paths": { "/a": { "get": 1 } }, "components": { "schemas": { "A": {} } } });
        merge(
            &mut one,
            &json!({ "paths": { "/a": { "post": 2 }, "/b": {} }, "components": { "schemas": { "B": {} } } }),
        );
        assert_eq!(one["paths"], json!({ "/a": { "get": 1, "post": 2 }, "/b": {} }));
        assert_eq!(one["components"]["schemas"], json!({ "A": {}, "B": {} }));
    }
}
