//! A token call that stands in no file of its vendor: RFC 6749, 4.1, 4.4, 5 and 6.

use serde_json::{Value, json};

/// At this path.
pub fn token(path: &str) -> Value {
    let grant = |name: &str, required: &[&str]| json!({"properties": {"grant_type": {"const": name}}, "required": required});
    json!({"paths": {path: {"post": {
        "operationId": "token",
        "requestBody": {"required": true, "content": {"application/x-www-form-urlencoded": {"schema": {
            "type": "object",
            "properties": {
                "grant_type": {"enum": ["refresh_token", "authorization_code", "client_credentials"]},
                "refresh_token": {"type": "string", "minLength": 1},
                "code": {"type": "string", "minLength": 1},
                "redirect_uri": {"type": "string"},
                "code_verifier": {"type": "string"},
                "client_id": {"type": "string"},
                "client_secret": {"type": "string"},
                "scope": {"type": "string"},
            },
            "required": ["grant_type"],
            "anyOf": [
                grant("refresh_token", &["refresh_token"]),
                grant("authorization_code", &["code", "redirect_uri"]),
                grant("client_credentials", &[]),
            ],
        }}}},
        "responses": {
            "200": {"content": {"application/json": {"schema": {
                "type": "object",
                "properties": {
                    "access_token": {"type": "string", "minLength": 1},
                    "token_type": {"const": "Bearer"},
                    "expires_in": {"type": "integer"},
                    "refresh_token": {"type": "string", "minLength": 1},
                    "id_token": {"type": "string"},
                    "scope": {"type": "string"},
                },
                "required": ["access_token", "token_type", "expires_in"],
            }}}},
            "default": {"content": {"application/json": {"schema": {
                "type": "object",
                "properties": {
                    "error": {"enum": [
                        "invalid_request", "invalid_client", "invalid_grant",
                        "unauthorized_client", "unsupported_grant_type", "invalid_scope",
                    ]},
                    "error_description": {"type": "string"},
                },
                "required": ["error"],
            }}}},
        },
    }}}})
}
