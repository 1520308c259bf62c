//! Patients as people look for them: however they type a name, and never one who is not meant.

use crate::stack::Clinic;
use meridian::flows::erasure;
use meridian::records::patient as record;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Writes all of a patient.
async fn patient(clinic: &Clinic, reference: &str, name: &str, phone: &str, email: &str) {
    let mut new = json!({ "reference": reference });
    for (field, text) in [("name", name), ("phone", phone), ("email", email)] {
        if !text.is_empty() {
            new[field] = text.into();
        }
    }
    let written = clinic.post("/v1/patients", new).await;
    assert!(matches!(written.status, 200 | 201), "{written:?}");
}

/// The references of all who are found, read page by page.
async fn found(clinic: &Clinic, query: &[(&str, &str)]) -> Vec<String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let query = form.extend_pairs(query).finish();
    let (mut all, mut before) = (vec![], String::new());
    loop {
        let page = clinic.get(&format!("/v1/patients?{query}{before}")).await;
        let people = page["patients"].as_array().expect("a list");
        assert!(people.len() <= 20);
        let reference = |one: &Value| one["reference"].as_str().expect("a text").to_owned();
        all.extend(people.iter().map(reference));
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    all.sort();
    all
}

#[tokio::test]
async fn a_patient_is_found_by_any_beginning_of_each_name_however_it_is_typed() {
    let clinic = Clinic::new().await;
    for (reference, name) in [
        ("jose", "José Núñez"),
        ("obrien", "Sinéad O’Brien-Smith"),
        ("josephine", "Josephine Smithers"),
        ("long", "Wolfeschlegelsteinhausen Ng"),
        ("nameless", ""),
    ] {
        patient(&clinic, reference, name, "", "").await;
    }
    for (name, wanted) in [
        ("jo", "jose josephine"),
        ("JOSE", "jose josephine"),
        ("jose\u{301}", "jose josephine"),
        ("josep", "josephine"),
        ("nunez jose", "jose"),
        ("Núñez,José", "jose"),
        ("o'brien", "obrien"),
        ("OBRIEN", "obrien"),
        ("smith", "josephine obrien"),
        ("brien-smith", ""),
        ("smith sinead", "obrien"),
        ("sinead-o", "obrien"),
        ("sm", "josephine obrien"),
        // A word is found by its first ten letters and held against all of it.
        ("wolfeschlegel", "long"),
        ("wolfeschlegelsteinhausen", "long"),
        ("wolfeschlegelsteinhausenb", ""),
        ("wolfeschlegen", ""),
        ("ng w", "long"),
        ("hausen", ""),
        ("nobody", ""),
    ] {
        let all = found(&clinic, &[("name", name)]).await.join(" ");
        assert_eq!(all, wanted, "{name}");
    }
}

#[tokio::test]
async fn a_patient_is_found_by_number_and_address_and_all_that_is_given_must_fit() {
    let clinic = Clinic::new().await;
    let (home, other) = ("+61370100142", "+41790100142");
    patient(&clinic, "ann", "Ann Vale", home, "ann@example.org").await;
    patient(&clinic, "bob", "Bob Vale", home, "Bob@Example.org").await;
    patient(&clinic, "cy", "Cy Young", other, "").await;
    for (query, wanted) in [
        (vec![("phone", home)], "ann bob"),
        (vec![("phone", "+61 370 100 142")], "ann bob"),
        (vec![("phone", other)], "cy"),
        (vec![("phone", "+100142")], ""),
        (vec![("phone", "100142")], "ann bob cy"),
        (vec![("phone", "0370 100 142")], "ann bob"),
        (vec![("phone", "(079) 010 01 42")], "cy"),
        (vec![("phone", "100143")], ""),
        (vec![("email", "BOB@example.org ")], "bob"),
        (vec![("email", "bob@example")], ""),
        (vec![("name", "vale"), ("phone", "100142")], "ann bob"),
        (vec![("name", "bo"), ("phone", home)], "bob"),
        (vec![("name", "cy"), ("phone", home)], ""),
        (vec![("name", "ann"), ("email", "bob@example.org")], ""),
        (
            vec![("name", "a"), ("phone", home), ("email", "ann@example.org")],
            "ann",
        ),
    ] {
        let all = found(&clinic, &query).await.join(" ");
        assert_eq!(all, wanted, "{query:?}");
    }
}

#[tokio::test]
async fn nobody_is_found_as_they_were_called_before_nor_from_another_clinic() {
    let clinic = Clinic::new().await;
    let other = Clinic::new().await;
    let (old, new) = ("+61370100142", "+61370100143");
    patient(&clinic, "P-1", "Juniper Vale", old, "old@example.org").await;
    patient(&other, "P-1", "Juniper Hill", old, "old@example.org").await;
    patient(&clinic, "P-1", "June Vale", new, "").await;
    for (field, text, wanted) in [
        ("name", "juniper", ""),
        ("name", "jun vale", "P-1"),
        ("name", "hill", ""),
        ("phone", old, ""),
        ("phone", new, "P-1"),
        ("email", "old@example.org", ""),
    ] {
        let all = found(&clinic, &[(field, text)]).await.join(" ");
        assert_eq!(all, wanted, "{text}");
    }
    assert_eq!(found(&other, &[("phone", old)]).await, ["P-1"]);
    // Written the same again, nothing of it changes.
    let leads = async || {
        let rows = clinic.rows().await.into_keys();
        rows.filter(|key| key.contains("#find#"))
            .collect::<Vec<_>>()
    };
    let before = leads().await;
    patient(&clinic, "P-1", "June Vale", new, "").await;
    assert_eq!(leads().await, before);
    assert_eq!(
        before.len(),
        8,
        "ju jun june va val vale, the number and its end"
    );
}

#[tokio::test]
async fn whoever_shares_a_name_is_found_page_by_page_and_the_longest_name_changes_in_one_commit() {
    let clinic = Clinic::new().await;
    let mut all = vec![];
    for n in 0..45 {
        let reference = format!("P-{n:02}");
        // Every third is called otherwise beyond the letters that lead to them.
        let name = ["Maximiliana", "Maximilianus", "Maximilianb"][n % 3];
        patient(&clinic, &reference, name, "", "").await;
        all.push((reference, n % 3 != 2));
    }
    let wanted = all.iter().filter(|(_, fits)| *fits).map(|(r, _)| r);
    let shown = found(&clinic, &[("name", "maximiliana"), ("limit", "7")]).await;
    let us = found(&clinic, &[("name", "maximilianu")]).await;
    assert!(wanted.eq(shown.iter().chain(&us).collect::<BTreeSet<_>>()));
    for (from, to) in [('a', 'n'), ('n', 'a')] {
        let word = |n: u8| (0..7).map(move |at| (from as u8 + (n + at) % 13) as char);
        let words: Vec<String> = (0..13).map(|n| word(n).collect()).collect();
        patient(&clinic, "long", &words.join(" "), "+61370100142", "a@b.ch").await;
        let begin = &words[12][..3];
        assert_eq!(found(&clinic, &[("name", begin)]).await, ["long"]);
        let gone = format!("{to}{}", (to as u8 + 1) as char);
        assert_eq!(
            found(&clinic, &[("name", &gone)]).await,
            Vec::<String>::new()
        );
    }
}

#[tokio::test]
async fn what_names_nobody_is_refused() {
    let clinic = Clinic::new().await;
    for (query, field) in [
        ("", "name"),
        ("name=", "name"),
        ("name=x", "name"),
        ("name=-%27-", "name"),
        ("phone=10014", "phone"),
        ("phone=none", "phone"),
        ("email=", "email"),
        ("name=xy&limit=21", "limit"),
    ] {
        let path = format!("/v1/patients?{query}");
        let refused = clinic.call("GET", &path, &Value::Null).await;
        assert_eq!(refused.expect(422)["field"], field, "{query}");
    }
}

#[tokio::test]
async fn nothing_leads_to_a_patient_who_was_erased() {
    let clinic = Clinic::new().await;
    let phone = "+61370100142";
    patient(&clinic, "P-1", "Juniper Vale", phone, "a@example.org").await;
    patient(&clinic, "P-2", "Juniper Hill", phone, "").await;
    let page = clinic.get("/v1/patients?name=vale").await;
    let id = page["patients"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/v1/patients/{id}");
    let erased = clinic.call("DELETE", &path, &Value::Null).await;
    erased.expect(200);
    assert_eq!(found(&clinic, &[("phone", phone)]).await, ["P-2"]);
    assert_eq!(found(&clinic, &[("name", "juniper")]).await, ["P-2"]);
    for (place, _) in clinic.rows().await {
        assert!(
            !place.contains("#find#") || !place.ends_with(&id),
            "{place}"
        );
    }
    // Who is made anew is found again.
    let finished = erasure::finish(&clinic.app, &record::key(&clinic.id, &id)).await;
    finished.expect("nothing is left to do");
    patient(&clinic, "P-1", "Juniper Vale", phone, "").await;
    assert_eq!(found(&clinic, &[("phone", phone)]).await, ["P-1", "P-2"]);
}
