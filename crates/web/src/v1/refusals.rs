//! What an operation may be answered instead of what was asked for. The document says it of each operation by what
//! that is given and does, so that no handler has to.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

/// A refusal, by its name in the document.
struct Refusal {
    status: &'static str,
    name: &'static str,
    description: &'static str,
    /// Of which operations.
    is_of: fn(&Operation) -> bool,
}

const REFUSALS: [Refusal; 8] = [
    Refusal {
        status: "400",
        name: "NotUnderstood",
        description: "The path, the query or the body is not what it has to be.",
        is_of: |operation| operation.parameters.is_some() || operation.request_body.is_some(),
    },
    Refusal {
        status: "401",
        name: "NoCredentials",
        description: "There is no token and no session, or nobody has it.",
        is_of: |_| true,
    },
    Refusal {
        status: "403",
        name: "Forbidden",
        description: "The caller's role is not enough, or another site's page made the browser ask.",
        is_of: |_| true,
    },
    Refusal {
        status: "404",
        name: "NotFound",
        description: "There is nothing of that name.",
        is_of: is_command,
    },
    Refusal {
        status: "409",
        name: "Refused",
        description: "It stands against the state of affairs.",
        is_of: is_command,
    },
    Refusal {
        status: "413",
        name: "TooLarge",
        description: "The body is larger than one may be.",
        is_of: |operation| operation.request_body.is_some(),
    },
    Refusal {
        status: "415",
        name: "NotUnpacked",
        description: "The body is packed in a way that is not known here.",
        is_of: |operation| operation.request_body.is_some(),
    },
    Refusal {
        status: "503",
        name: "Unavailable",
        description: "It could not be done now; `Retry-After` says when to come back.",
        is_of: |_| true,
    },
];

/// Adds them to the document, where an operation says nothing else of the status.
pub(super) fn tell(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    REFUSALS.iter().for_each(|refusal| add(components, refusal));
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for refusal in &REFUSALS {
            if (refusal.is_of)(operation) {
                let told = || RefOr::Ref(Ref::from_response_name(refusal.name));
                operation.responses.responses.entry(refusal.status.to_owned()).or_insert_with(told);
            }
        }
    }
}

fn add(components: &mut Components, refusal: &Refusal) {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    let response = ResponseBuilder::new().description(refusal.description).content("application/json", body);
    components.responses.insert(refusal.name.to_owned(), RefOr::T(response.build()));
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

/// Whether it is a command to the engine, which answers with what happened.
fn is_command(operation: &Operation) -> bool {
    let Some(RefOr::T(Response { content, .. })) = operation.responses.responses.get("200") else {
        return false;
    };
    let schemas = content.values().filter_map(|content| content.schema.as_ref());
    schemas
        .into_iter()
        .any(|schema| matches!(schema, RefOr::Ref(of) if of.ref_location == "#/components/schemas/Done"))
}
