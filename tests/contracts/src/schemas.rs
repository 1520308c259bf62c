//! The compiled schemas of one contract file for one side, built when first used and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{Draft, Registry, Validator};
use serde_json::Value;

use crate::explain;
use crate::translate::{Side, Translator};

pub struct Schemas {
    address: String,
    side: Side,
    components: Arc<Value>,
    registry: Registry<'static>,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Schemas {
    pub fn new(name: &str, spec: &Value, side: Side) -> Result<Schemas, String> {
        let address = match side {
            Side::Request => format!("contract://{name}/request"),
            Side::Reply => format!("contract://{name}/reply"),
        };
        let components = Translator {
            spec,
            address: &address,
            side,
        }
        .components();
        let components = Arc::new(components);
        let registry = Registry::new()
            .draft(Draft::Draft202012)
            .add(&address, components.clone())
            .and_then(|builder| builder.prepare())
            .map_err(|error| format!("{name}: {error}"))?;
        Ok(Schemas {
            address,
            side,
            components,
            registry,
            compiled: Mutex::default(),
        })
    }

    /// Makes a schema of the file ready for [`Schemas::problems`] and for coercion.
    pub fn translate(&self, spec: &Value, schema: &Value) -> Value {
        Translator {
            spec,
            address: &self.address,
            side: self.side,
        }
        .value(schema)
    }

    /// The translated component that a reference names.
    pub fn resolve(&self, reference: &str) -> Option<&Value> {
        let pointer = reference
            .strip_prefix(self.address.as_str())?
            .strip_prefix('#')?;
        self.components.pointer(pointer)
    }

    /// What is wrong with a value, each line beginning with the JSON pointer.
    pub fn problems(&self, schema: &Value, value: &Value) -> Vec<String> {
        match self.validator(schema) {
            Ok(validator) => explain::problems(&validator, value),
            Err(error) => vec![format!("the contract's schema cannot be used: {error}")],
        }
    }

    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let key = schema.to_string();
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = compiled.get(&key) {
            return Ok(found.clone());
        }
        let built = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_registry(&self.registry)
            .build(schema)
            .map_err(|error| error.to_string())?;
        let built = Arc::new(built);
        compiled.insert(key, built.clone());
        Ok(built)
    }
}
