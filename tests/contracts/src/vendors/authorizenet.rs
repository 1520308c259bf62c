//! Authorize.Net: its operations are elements of `AnetApiSchema.xsd`, in JSON: one address, the name
//! of the operation around the request, members in the order of their sequence. In replies a list
//! stands without the name of its items. Webhooks by the facts.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Entry, Hook, Vendor};
use crate::decode::Names;
use crate::document::{Auth, Document};
use crate::translate::Side;
use crate::xml::{Node, read};

pub static ENTRIES: &[Entry] = &[Entry::of("authorizenet", open).seen(1, 2)];

/// What is asked of it here, without the `Request` or `Response` behind the name.
const OPERATIONS: [&str; 7] = [
    "createCustomerProfile",
    "createTransaction",
    "getHostedPaymentPage",
    "getSettledBatchList",
    "getTransactionDetails",
    "getTransactionList",
    "getUnsettledTransactionList",
];

fn open(folder: &Path) -> Result<Vendor, String> {
    let schema = read(&folder.join("AnetApiSchema.xsd"))?;
    let mut defs = Map::new();
    for node in &schema.children {
        let types = [Side::Request, Side::Reply].map(|side| Types { side });
        for types in types.iter().filter(|_| node.tag != "element") {
            defs.insert(types.called(node.attr("name")), types.schema(node, &schema));
        }
    }
    let element = |name: &str| {
        let mut all = schema.children.iter().filter(|node| node.tag == "element");
        let found = all.find(|node| node.attr("name") == name);
        found.ok_or_else(|| format!("the schema has no element {name}"))
    };
    let (mut requests, mut replies) = (Map::new(), Map::new());
    for operation in OPERATIONS {
        let name = format!("{operation}Request");
        let types = Types {
            side: Side::Request,
        };
        let asked = types.schema(&element(&name)?.children[0], &schema);
        requests.insert(name, asked);
        let types = Types { side: Side::Reply };
        let reply = types.schema(
            &element(&format!("{operation}Response"))?.children[0],
            &schema,
        );
        replies.extend(reply["properties"].as_object().cloned().unwrap_or_default());
    }
    let request =
        json!({"type": "object", "minProperties": 1, "maxProperties": 1, "properties": requests});
    // Of a refusal nothing else is there.
    let reply = json!({"type": "object", "properties": replies, "required": ["messages"]});
    let content = |schema: Value| json!({"content": {"application/json": {"schema": schema}}});
    let spec = json!({"$defs": defs, "paths": {"/request.api": {"post": {
        "requestBody": content(request), "responses": {"200": content(reply)},
    }}}});
    Ok(Vendor {
        documents: vec![
            Document::new("authorizenet", "/xml/v1", Auth::Open, spec),
            Document::new("authorizenet-page", "", Auth::Open, page()),
        ],
        names: Names::Flat,
        error: None,
        webhook,
    })
}

/// To which a payer's browser posts its token, by `contract.yaml` and the facts.
fn page() -> Value {
    let form = json!({"type": "object", "required": ["token"], "properties": {"token": {"type": "string"}}});
    let form = json!({"application/x-www-form-urlencoded": {"schema": form}});
    json!({"paths": {"/payment/payment": {"post": {
        "requestBody": {"content": form}, "responses": {"200": {}, "303": {}},
    }}}})
}

/// The types of the XSD as one side writes them.
struct Types {
    side: Side,
}

/// A member of a sequence.
struct Member {
    name: String,
    schema: Value,
    needed: bool,
    repeated: bool,
}

impl Types {
    /// The name of a definition: both sides have their own.
    fn called(&self, name: &str) -> String {
        format!("{:?}.{name}", self.side)
    }

    /// A complex or a simple type.
    fn schema(&self, of: &Node, all: &Node) -> Value {
        if of.tag == "simpleType" {
            return self.simple(of);
        }
        let members = self.members(of, all);
        if let ([one], Side::Reply) = (&members[..], self.side)
            && one.repeated
        {
            return json!({"type": "array", "items": one.schema});
        }
        let needed = members.iter().filter(|one| one.needed);
        let needed: Vec<_> = needed.map(|one| one.name.clone()).collect();
        let typed = members.into_iter().map(|one| {
            let schema = match one.repeated {
                true => json!({"type": "array", "items": one.schema}),
                false => one.schema,
            };
            (one.name, schema)
        });
        let typed: Map<_, _> = typed.collect();
        json!({"type": "object", "properties": typed, "required": needed,
            "x-ordered": self.side == Side::Request})
    }

    /// Those of the type that is extended come first.
    fn members(&self, of: &Node, all: &Node) -> Vec<Member> {
        let mut found = vec![];
        for child in &of.children {
            match child.tag.as_str() {
                "complexContent" | "sequence" => found.extend(self.members(child, all)),
                "extension" => {
                    let base = child.attr("base").trim_start_matches("anet:");
                    let base = all.children.iter().find(|node| node.attr("name") == base);
                    found.extend(
                        base.map(|base| self.members(base, all))
                            .into_iter()
                            .flatten(),
                    );
                    found.extend(self.members(child, all));
                }
                "choice" => found.extend(self.members(child, all).into_iter().map(|one| Member {
                    needed: false,
                    ..one
                })),
                "element" => found.push(Member {
                    name: child.attr("name").into(),
                    schema: self.typed(child, all),
                    needed: child.attr("minOccurs") != "0",
                    repeated: !matches!(child.attr("maxOccurs"), "" | "1"),
                }),
                _ => {}
            }
        }
        found
    }

    fn typed(&self, element: &Node, all: &Node) -> Value {
        let inline = element.children.iter();
        let mut inline = inline.filter(|node| node.tag.ends_with("Type"));
        match (element.attr("type"), inline.next()) {
            ("", Some(inline)) => self.schema(inline, all),
            (name, _) => self.named(name),
        }
    }

    /// What is no text in XML is one in a request as well.
    fn named(&self, name: &str) -> Value {
        let as_text = |own: &str, pattern: &str| match self.side {
            Side::Request => {
                json!({"anyOf": [{"type": own}, {"type": "string", "pattern": pattern}]})
            }
            Side::Reply => json!({"type": own}),
        };
        match name.trim_start_matches("xs:") {
            "decimal" => as_text("number", r"^\d+(\.\d{1,4})?$"),
            "int" | "short" | "integer" | "unsignedByte" => as_text("integer", r"^-?\d+$"),
            "boolean" => as_text("boolean", "^(true|false)$"),
            "dateTime" => {
                json!({"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?$"})
            }
            other => match other.strip_prefix("anet:") {
                Some(own) => json!({"$ref": format!("#/$defs/{}", self.called(own))}),
                None => json!({"type": "string"}),
            },
        }
    }

    fn simple(&self, of: &Node) -> Value {
        let Some(restriction) = of.children.first() else {
            return json!({});
        };
        let mut schema = self.named(restriction.attr("base"));
        let mut one_of = vec![];
        for facet in &restriction.children {
            let (value, number) = (facet.attr("value"), facet.attr("value").parse::<u64>());
            match (facet.tag.as_str(), number) {
                ("enumeration", _) => one_of.push(value),
                ("pattern", _) => schema["pattern"] = format!("^({value})$").into(),
                ("minLength" | "maxLength", Ok(length)) => schema[&facet.tag] = length.into(),
                ("length", Ok(length)) => {
                    schema["minLength"] = length.into();
                    schema["maxLength"] = length.into();
                }
                _ => {}
            }
        }
        if !one_of.is_empty() {
            schema["enum"] = json!(one_of);
        }
        schema
    }
}

/// By the facts; the names of the fraud and customer events from memory.
const EVENTS: [&str; 14] = [
    "payment.authorization.created",
    "payment.authcapture.created",
    "payment.capture.created",
    "payment.priorAuthCapture.created",
    "payment.refund.created",
    "payment.void.created",
    "payment.fraud.held",
    "payment.fraud.approved",
    "payment.fraud.declined",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "customer.paymentProfile.created",
    "customer.paymentProfile.deleted",
];

fn webhook(hook: &mut Hook) {
    let is_code = |value: &str| {
        let code = value.strip_prefix("sha512=").unwrap_or_default();
        code.len() == 128 && code.bytes().all(|b| b.is_ascii_hexdigit())
    };
    hook.need("x-anet-signature", is_code, "sha512= and 64 bytes in hex");
    let Some(body) = hook.json() else { return };
    let name = body["eventType"].as_str().unwrap_or_default();
    let name = name.strip_prefix("net.authorize.").unwrap_or_default();
    hook.expect(EVENTS.contains(&name), || {
        format!("/eventType: {name:?} is not an event of the contract")
    });
    let text = |place: &str| body.pointer(place).is_some_and(Value::is_string);
    for place in [
        "/notificationId",
        "/eventDate",
        "/webhookId",
        "/payload/entityName",
        "/payload/id",
    ] {
        hook.expect(text(place), || format!("{place}: a text is expected"));
    }
    let of_payment = name.starts_with("payment.");
    let code = body["payload"]["responseCode"].as_i64();
    hook.expect(!of_payment || matches!(code, Some(1..=4)), || {
        "/payload/responseCode: 1 to 4 is expected".into()
    });
}
