//! A message while it is written: its sentences become a text, and a mail.

use super::format::{is_link, short};
use super::mail;
use crate::contract::Message;

/// A message while it is written: sentences, then at most one link, which comes last.
pub(super) struct Letter {
    pub clinic: String,
    pub subject: String,
    pub sentences: Vec<String>,
    phone: Option<String>,
    pub link: Option<(String, String)>,
    pub facts: Vec<(&'static str, String)>,
    pub address: String,
}

impl Letter {
    pub(super) fn new(clinic: &str) -> Self {
        Self {
            clinic: clinic.into(),
            subject: String::new(),
            sentences: vec![],
            phone: None,
            link: None,
            facts: vec![],
            address: String::new(),
        }
    }

    pub(super) fn say(&mut self, sentence: String) {
        self.sentences.push(sentence);
    }

    pub(super) fn link(&mut self, label: &str, address: &str) {
        self.link = is_link(address).then(|| (label.into(), address.into()));
    }

    pub(super) fn phone(&mut self, phone: &str) {
        self.phone = Some(short(phone, 30)).filter(|phone| !phone.is_empty());
    }

    /// Plain letters where ours: one typographic quote would halve what fits into a text message.
    pub(super) fn message(self) -> Message {
        let call = self.phone.as_ref();
        let call = call.map(|phone| format!("Questions? Call {phone}."));
        let mut text = format!("{}: {}", self.clinic, self.sentences.join(" "));
        let link = self
            .link
            .as_ref()
            .map(|(label, to)| format!("{label}: {to}"));
        for part in call.iter().chain(&link) {
            text = format!("{text} {part}");
        }
        let html = mail::page(&mail::Mail {
            clinic: &self.clinic,
            subject: &self.subject,
            sentences: &self.sentences,
            facts: &self.facts,
            link: self.link.as_ref(),
            call: call.as_deref(),
            address: &self.address,
        });
        Message {
            subject: self.subject,
            text,
            html,
        }
    }
}
