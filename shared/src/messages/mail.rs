//! The frame of a mail, in the clinic's look. Mail programs know no stylesheets, so each piece
//! carries its own style; there is no image, no script and nothing from elsewhere.

use maud::{DOCTYPE, Markup, html};

/// What a mail shows, from top to bottom.
pub struct Mail<'a> {
    pub clinic: &'a str,
    /// The subject, which is also the heading.
    pub subject: &'a str,
    pub sentences: &'a [String],
    /// Names and values: the invoice, the day, the deadline.
    pub facts: &'a [(&'static str, String)],
    /// Label and address of the one thing to do.
    pub link: Option<&'a (String, String)>,
    /// `Questions? Call (03) 7010 0142.`
    pub call: Option<&'a str>,
    /// The clinic's postal address; empty where it has none.
    pub address: &'a str,
}

const FONT: &str = "font-family:-apple-system,'Segoe UI',Roboto,Arial,sans-serif;";
const GROUND: &str = "margin:0;padding:24px 12px;background:#f3f6f5;color:#0d2328;";
const CARD: &str = "width:100%;max-width:560px;margin:0 auto;border-collapse:separate;\
                    background:#ffffff;border:1px solid #dde5e3;border-radius:14px;";
const HEAD: &str = "padding:20px 28px;background:#0b3b41;color:#f2f8f7;font-size:16px;\
                    font-weight:600;border-radius:13px 13px 0 0;";
const BODY: &str = "padding:28px;font-size:16px;line-height:1.5;";
const HEADING: &str = "margin:0 0 16px;font-size:22px;line-height:1.25;font-weight:650;";
const BUTTON: &str = "display:inline-block;padding:14px 24px;background:#0b5a61;color:#ffffff;\
                      font-weight:600;text-decoration:none;border-radius:8px;";
const SOFT: &str = "color:#4a5e63;font-size:14px;";

pub fn page(mail: &Mail) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light";
                title { (mail.subject) }
            }
            body style=(format!("{GROUND}{FONT}")) {
                table role="presentation" style=(CARD) cellpadding="0" cellspacing="0" {
                    tr { td style=(HEAD) { (mail.clinic) } }
                    tr { td style=(BODY) { (body(mail)) } }
                }
            }
        }
    };
    page.into_string()
}

fn body(mail: &Mail) -> Markup {
    html! {
        h1 style=(HEADING) { (mail.subject) }
        @for sentence in mail.sentences { p style="margin:0 0 12px;" { (sentence) } }
        @if !mail.facts.is_empty() { (facts(mail.facts)) }
        @if let Some((label, address)) = mail.link {
            p style="margin:20px 0;" { a href=(address) style=(BUTTON) { (label) } }
        }
        @if let Some(call) = mail.call { p style=(format!("margin:0 0 12px;{SOFT}")) { (call) } }
        @if !mail.address.is_empty() {
            p style=(format!("margin:0;{SOFT}")) { (mail.clinic) ", " (mail.address) }
        }
    }
}

fn facts(facts: &[(&'static str, String)]) -> Markup {
    html! {
        table style="margin:16px 0;border-collapse:collapse;font-size:15px;" {
            @for (name, value) in facts {
                tr {
                    th scope="row" style="padding:4px 20px 4px 0;text-align:left;font-weight:400;color:#4a5e63;" {
                        (name)
                    }
                    td style="padding:4px 0;font-weight:600;" { (value) }
                }
            }
        }
    }
}
