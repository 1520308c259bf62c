//! What holds for every page, and what each page says in each state.

use super::done::Ways;
use super::{Page, done, invoice, pay, receipt, style};
use crate::domain::bill::Bill;
use crate::domain::case::{Case, OpensBy, Payment, Session};
use crate::domain::dispute::{self, Dispute};
use crate::domain::fact::Method;
use crate::domain::invoice::{Invoice, Line};
use crate::domain::payment::State;
use crate::domain::policy::Policy;
use crate::domain::receipt::{self as receipts, Facts};
use crate::domain::refund::{self, Refund};
use crate::domain::settings::Settings;
use crate::words::money::{Currency, Money};
use base64::Engine;
use sha2::Digest;

const HOSTILE: &str = "<script>alert(\"x\")</script><img src=//evil.example> & 'Söhne'";
const PAY_AT: &str = "https://pay.example.org/pay/token?a=1&b=2";
const WAYS: Ways = Ways {
    receipt: "/receipts/abc",
    pay_at: PAY_AT,
};

fn money(minor: i64) -> Money {
    Money::new(minor, Currency::read("AUD").unwrap())
}

fn settings() -> Settings {
    Settings {
        id: "wattle".into(),
        name: "Wattle Street Clinic".into(),
        address: "12 Wattle Street, Exampleton VIC 3999".into(),
        phone: "(03) 7010 0142".into(),
        tax_number: "ABN 00 000 000 000".into(),
        currency: Currency::read("AUD").unwrap(),
        time_zone: "Australia/Melbourne".into(),
        policy: Policy::default(),
        systems: vec![],
    }
}

/// Two items: 150.00 without tax, two pieces of 11.00 with 2.00 of tax in them.
fn case() -> Case {
    let line = |quantity, minor, rate: &str| Line {
        quantity,
        unit: money(minor),
        tax_rate: rate.parse().unwrap(),
        tax_included: true,
    };
    let lines = vec![line(1, 15_000, "0"), line(2, 1100, "10")];
    let currency = Currency::read("AUD").unwrap();
    Case {
        id: "0123456789abcdef".into(),
        clinic: "wattle".into(),
        patient: None,
        appointment: None,
        starts_at: None,
        label: None,
        called_off: None,
        created_at: "2026-12-07T20:00:00Z".parse().unwrap(),
        currency,
        dims: Default::default(),
        bill: Bill::issued(
            Invoice::new("WS-2041".into(), currency, lines).unwrap(),
            "2026-12-07T20:00:00Z".parse().unwrap(),
        ),
        tenders: vec![],
        policy: Policy::default(),
        payments: vec![],
        refunds_numbered: 0,
        receipts: vec![],
        retry: None,
        blocked: Default::default(),
        asked: Default::default(),
        contradicted: Default::default(),
        waiting: Default::default(),
        findings: Default::default(),
        told: 0,
        entries: 0,
        head: String::new(),
    }
}

fn payment(n: u32, minor: i64, state: State) -> Payment {
    Payment {
        state,
        ..Payment::planned(n, "stripe".into(), money(minor))
    }
}

fn on_page(n: u32, minor: i64, state: State) -> Payment {
    let session = Session {
        id: "cs_1".into(),
        opens_by: OpensBy::Redirect("https://checkout.stripe.com/c/pay/1".into()),
        expires_at: Some("2026-12-09T03:10:00Z".parse().unwrap()),
    };
    Payment {
        session: Some(session),
        ..payment(n, minor, state)
    }
}

fn visa() -> Option<Method> {
    Some(Method {
        gateway: "stripe".into(),
        customer: None,
        token: "pm_1".into(),
        label: "Visa ending 4242".into(),
    })
}

fn with(payments: Vec<Payment>) -> Case {
    Case { payments, ..case() }
}

fn sent_back(minor: i64) -> Refund {
    Refund {
        n: Some(1),
        id: Some("re_1".into()),
        amount: money(minor),
        state: refund::State::Succeeded,
        request: None,
        paid_at: None,
        intent: None,
        way: Default::default(),
        of_deposit: false,
    }
}

fn refunded() -> Case {
    let refunds = vec![sent_back(2000)];
    with(vec![Payment {
        method: visa(),
        refunds,
        ..payment(1, 17_200, State::Paid)
    }])
}

/// What the payer of the first payment sees on coming back, after so many looks.
fn back(case: &Case, looked: u32) -> String {
    let visit = done::Visit {
        stopped: false,
        looked,
    };
    done::of_payment(&settings(), case, &case.payments[0], WAYS, visit)
}

fn facts(case: &Case, refund: Option<&str>) -> Facts {
    let base = format!("{}-p1", case.id);
    let made = crate::domain::decide::Receipt {
        id: refund.map_or(base.clone(), |key| format!("{base}-{key}")),
        payment: 1,
        after: refund.map(str::to_owned),
        at: "2026-12-08T23:30:00Z".parse().unwrap(),
    };
    receipts::facts(&settings(), case, &made)
}

fn said() -> Vec<String> {
    vec![
        "Initial visit, 45 minutes".into(),
        "Equipment to take home".into(),
    ]
}

fn shown(case: &Case, pay_at: Option<&str>) -> String {
    text(&invoice::page(
        &settings(),
        case,
        "Juniper Vale",
        &said(),
        pay_at,
        &[],
    ))
}

/// What is read on a page, a line per block.
fn lines(page: &str) -> String {
    let body = page.split_once("<body>").map_or(page, |(_, body)| body);
    let mut read = String::new();
    for (tag, words) in body.split('<').filter_map(|part| part.split_once('>')) {
        let name = tag.split(' ').next().unwrap_or_default();
        let ends = [
            "p", "/p", "h1", "tr", "address", "br", "caption", "/caption", "div", "form",
        ]
        .contains(&name);
        read.push(if ends { '\n' } else { ' ' });
        read.push_str(words);
    }
    let tidy = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let read: Vec<_> = read
        .lines()
        .map(tidy)
        .filter(|line| !line.is_empty())
        .collect();
    read.join("\n")
}

fn text(page: &str) -> String {
    lines(page).replace('\n', " ")
}

fn every_page(name: &str) -> Vec<String> {
    let settings = Settings {
        name: name.into(),
        address: name.into(),
        phone: name.into(),
        tax_number: name.into(),
        ..settings()
    };
    let mut case = refunded();
    case.bill.invoice_mut().number = name.into();
    let facts = Facts {
        invoice: name.into(),
        ..facts(&case, Some("r1"))
    };
    let said = vec![name.to_owned(); 2];
    let receipts = [receipts::Paper {
        number: "K7M2-1".into(),
        address: "/receipts/abc".into(),
        at: facts.issued_at,
        about: receipts::About::Refund(money(2000)),
    }];
    let facts = Facts {
        issuer: Some(receipts::Issuer::of(&settings)),
        ..facts
    };
    let mut pages = vec![
        done::back(),
        done::not_found(),
        done::gone(),
        receipt::page(&settings, &facts, name, &said),
        receipt::erased(&settings),
        invoice::page(&settings, &case, name, &said, None, &receipts),
    ];
    for state in State::ALL {
        let case = with(vec![on_page(1, 6000, state)]);
        pages.push(invoice::page(
            &settings,
            &case,
            name,
            &said,
            Some(PAY_AT),
            &receipts,
        ));
        let mut case = case;
        case.bill.invoice_mut().number = name.into();
        case.payments[0].paid_with = Some(name.into());
        let (first, open) = (&case.payments[0], case.payments[0].session.as_ref());
        let open = open.expect("a page");
        pages.push(pay::page(&settings, &case, first, open, PAY_AT));
        for (stopped, looked) in [(false, 0), (false, 99), (true, 0)] {
            let visit = done::Visit { stopped, looked };
            let first = &case.payments[0];
            pages.push(done::of_payment(&settings, &case, first, WAYS, visit));
        }
    }
    pages
}

#[test]
fn pages_load_nothing_that_their_policy_forbids() {
    for page in every_page("Wattle Street Clinic") {
        for forbidden in [
            "<script", " style=", "<style", "<img", "<iframe", "url(", " onclick",
        ] {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
        let page = page.replace(&PAY_AT.replace('&', "&amp;"), "");
        assert!(!page.contains("//"), "a foreign host in {page}");
        let link = format!("<link rel=\"stylesheet\" href=\"{}\">", style::PATH);
        assert!(
            page.contains(&link) && page.matches("<h1").count() == 1,
            "{page}"
        );
    }
    let css = style::CSS;
    assert!(!css.contains("url(") && !css.contains("@import") && !css.contains("//"));
    let policy = Page::of(200, String::new()).policy();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
    assert!(policy.contains("form-action 'self'; ") && !policy.contains("script-src"));
}

#[test]
fn the_page_that_posts_a_form_allows_its_one_script_and_where_it_leads() {
    let to = "https://accept.gateway.example/pay";
    let html = pay::posted(&settings(), to, &[("token".into(), HOSTILE.into())]);
    assert!(
        html.contains("action=\"https://accept.gateway.example/pay\""),
        "{html}"
    );
    let sealed = "value=\"&lt;script&gt;";
    assert!(
        html.contains(sealed) && html.matches("<script").count() == 1,
        "{html}"
    );
    assert!(
        html.contains(" Continue</button>"),
        "without a script the button leads on"
    );
    let (_, rest) = html.split_once("<script>").expect("a script");
    let (script, _) = rest.split_once("</script>").expect("its end");
    let digest = base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(script));
    let mut page = Page::of(200, html.clone()).leading_to(to);
    page.allows.script = Some(pay::script());
    let policy = page.policy();
    assert!(
        policy.contains(&format!("script-src 'sha256-{digest}'; ")),
        "{policy}"
    );
    assert!(policy.contains("form-action 'self' https:; "), "{policy}");
    let local = Page::of(200, html).leading_to("http://127.0.0.1:8702/x?y");
    assert!(
        local
            .policy()
            .contains("form-action 'self' http://127.0.0.1:8702; ")
    );
}

#[test]
fn names_of_strangers_stay_text() {
    for page in every_page(HOSTILE) {
        assert!(
            !page.contains("<script") && !page.contains("<img"),
            "{page}"
        );
    }
    let page = receipt::page(&settings(), &facts(&refunded(), None), HOSTILE, &said());
    assert!(
        page.contains("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"),
        "{page}"
    );
}

#[test]
fn every_class_on_a_page_is_in_the_stylesheet_and_every_one_there_on_a_page() {
    let mut used = std::collections::BTreeSet::new();
    for page in every_page("Wattle Street Clinic") {
        for rest in page.split(" class=\"").skip(1) {
            let names = rest.split('"').next().unwrap_or_default();
            used.extend(names.split_whitespace().map(str::to_owned));
        }
    }
    // A class begins with a letter behind its dot; `.25rem` does not.
    let class = |rest: &str| -> String {
        let part_of_name = |c: &char| c.is_ascii_alphabetic() || *c == '-';
        rest.chars().take_while(part_of_name).collect()
    };
    let styled: std::collections::BTreeSet<_> = style::CSS.split('.').skip(1).map(class).collect();
    let styled: std::collections::BTreeSet<_> =
        styled.into_iter().filter(|name| !name.is_empty()).collect();
    let unused: Vec<_> = styled.difference(&used).collect();
    assert!(unused.is_empty(), "styled and never used: {unused:?}");
    let bare: Vec<_> = used.difference(&styled).collect();
    assert!(bare.is_empty(), "used and never styled: {bare:?}");
}

#[test]
fn a_receipt_states_items_tax_payments_and_what_is_left() {
    let case = with(vec![Payment {
        method: visa(),
        ..payment(1, 17_200, State::Paid)
    }]);
    let page = receipt::page(&settings(), &facts(&case, None), "Juniper Vale", &said());
    insta::assert_snapshot!(lines(&page), @r"
    Skip to the main part
    Receipt kept by Meridian
    Tax receipt
    01234567-1 · issued 9 December 2026
    Wattle Street Clinic
    12 Wattle Street, Exampleton VIC 3999
    ABN 00 000 000 000
    (03) 7010 0142
    Patient Juniper Vale
    Invoice WS-2041
    Invoice date 8 December 2026
    What it was for
    Item Tax Amount
    Initial visit, 45 minutes none $150.00
    Equipment to take home Quantity 2 $2.00 10% $22.00
    Without tax $170.00
    Tax of 10% on $20.00 $2.00
    Total $2.00 $172.00
    How it was paid
    Payment Amount
    Visa ending 4242 through Stripe $172.00
    Paid $172.00
    Left to pay $0.00
    All amounts are in AUD and include tax where shown. This receipt does not change: if something is corrected or refunded, you get a new one that names this one.
    Questions? Call (03) 7010 0142 and quote 01234567-1 .
    ");
}

#[test]
fn a_refund_s_receipt_names_the_one_it_replaces() {
    let page = receipt::page(
        &settings(),
        &facts(&refunded(), Some("r1")),
        "Juniper Vale",
        &said(),
    );
    let text = text(&page);
    for words in [
        "01234567-1-1 · issued 9 December 2026 Replaces 01234567-1 ",
        "Refund to you to Visa ending 4242 −$20.00",
        "Paid, after refunds $152.00",
        "Left to pay $0.00",
    ] {
        assert!(text.contains(words), "{words} not in {text}");
    }
}

/// 100.00 by card, of which a lost dispute took 30.00, then 20.00 sent back; 72.00 from a bank.
fn lived() -> Case {
    let lost = Dispute::new("dp_1".into(), money(3000), dispute::State::Lost, false);
    let refund = Refund {
        paid_at: Some("2026-12-10T01:00:00Z".parse().unwrap()),
        ..sent_back(2000)
    };
    let card = Payment {
        paid_at: Some("2026-12-07T14:30:00Z".parse().unwrap()),
        paid_with: Some("Visa ending 4242".into()),
        disputes: vec![lost],
        refunds: vec![refund],
        ..payment(1, 10_000, State::Returned)
    };
    let bank = Payment {
        gateway: "gocardless".into(),
        paid_at: Some("2026-12-09T02:00:00Z".parse().unwrap()),
        method: Some(Method {
            label: "Bank account".into(),
            ..visa().unwrap()
        }),
        ..payment(2, 7200, State::Paid)
    };
    Case {
        starts_at: Some("2026-12-07T14:00:00Z".parse().unwrap()),
        receipts: ["p1", "p2", "p1-returned", "p1-r1"]
            .map(|end| format!("{}-{end}", case().id))
            .into(),
        ..with(vec![card, bank])
    }
}

#[test]
fn a_receipt_says_when_by_what_and_to_whom_each_sum_went() {
    let page = receipt::page(
        &settings(),
        &facts(&lived(), Some("r1")),
        "Juniper Vale",
        &said(),
    );
    insta::assert_snapshot!(lines(&page), @r"
    Skip to the main part
    Receipt kept by Meridian
    Tax receipt
    01234567-1-1 · issued 9 December 2026
    Replaces 01234567-1-R
    Wattle Street Clinic
    12 Wattle Street, Exampleton VIC 3999
    ABN 00 000 000 000
    (03) 7010 0142
    Patient Juniper Vale
    Date of service 8 December 2026
    Invoice WS-2041
    Invoice date 8 December 2026
    What it was for
    Item Tax Amount
    Initial visit, 45 minutes none $150.00
    Equipment to take home Quantity 2 $2.00 10% $22.00
    Without tax $170.00
    Tax of 10% on $20.00 $2.00
    Total $2.00 $172.00
    How it was paid
    Payment Amount
    Visa ending 4242 8 Dec 2026 · through Stripe $100.00
    Taken back by the bank of the $100.00 of 8 Dec 2026 −$30.00
    Paid online 9 Dec 2026 · through GoCardless $72.00
    Refund to you 10 Dec 2026 · to Visa ending 4242 −$20.00
    Paid, after refunds and what was taken back $122.00
    Left to pay $30.00
    All amounts are in AUD and include tax where shown. This receipt does not change: if something is corrected or refunded, you get a new one that names this one.
    Questions? Call (03) 7010 0142 and quote 01234567-1-1 .
    ");
}

#[test]
fn a_receipt_replaces_the_newest_before_it_of_its_case() {
    let case = lived();
    let replaced = |end: &str| {
        let made = crate::domain::decide::Receipt {
            id: format!("{}-{end}", case.id),
            payment: 1,
            after: None,
            at: "2026-12-08T23:30:00Z".parse().unwrap(),
        };
        receipts::facts(&settings(), &case, &made).replaces
    };
    for (end, before) in [
        ("p1", None),
        ("p2", Some("01234567-1")),
        ("p1-returned", Some("01234567-2")),
        ("p1-r1", Some("01234567-1-R")),
        ("p1-r1-failed", Some("01234567-1-1")),
    ] {
        assert_eq!(replaced(end).as_deref(), before, "{end}");
    }
    assert_eq!(
        receipts::number(&format!("{}-p1-r1-failed", case.id)),
        "01234567-1-1-F"
    );
}

#[test]
fn a_receipt_names_the_clinic_as_it_was_when_it_was_issued() {
    let facts = facts(&refunded(), None);
    let moved = Settings {
        name: "Another name".into(),
        address: "Elsewhere".into(),
        phone: "0".into(),
        tax_number: String::new(),
        ..settings()
    };
    let text = text(&receipt::page(&moved, &facts, "", &[]));
    for words in [
        "Tax receipt",
        "Wattle Street Clinic 12 Wattle Street",
        "ABN 00",
    ] {
        assert!(text.contains(words), "{words} not in {text}");
    }
    assert!(
        !text.contains("Elsewhere") && !text.contains("Another"),
        "{text}"
    );
}

#[test]
fn facts_that_were_written_before_they_had_dates_still_read() {
    let old = serde_json::json!({
        "id": "c-p1", "number": "C-1", "replaces": null, "issued_at": "2026-12-08T23:30:00Z",
        "case": "c", "invoice": "WS-1", "invoiced_at": "2026-12-07T20:00:00Z",
        "lines": [{ "quantity": 1, "gross": money(1100), "tax": money(100) }],
        "net": money(1000), "tax": money(100), "total": money(1100),
        "payments": [{ "gateway": "stripe", "method": null, "amount": money(1100) }],
        "refunds": [money(500)], "paid": money(600), "due": money(0),
    });
    let facts: Facts = serde_json::from_value(old).unwrap();
    assert_eq!(facts.refunds[0].amount, money(500));
    let again: Facts = serde_json::from_value(serde_json::json!(facts)).unwrap();
    assert_eq!(again, facts);
    let text = text(&receipt::page(&settings(), &facts, "", &[]));
    assert!(text.contains("Wattle Street Clinic"), "{text}");
}

#[test]
fn who_comes_back_from_the_gateway_is_told_how_the_payment_stands() {
    for (payments, words, link) in who_comes_back() {
        let case = with(payments);
        let page = back(&case, 99);
        let read = text(&page);
        assert!(read.contains(words), "{words} not in {read}");
        assert!(page.contains(link), "{link} not in {page}");
        for shown in ["Wattle Street Clinic", "$172.00", "WS-2041"] {
            assert!(read.contains(shown), "{shown} not in {read}");
        }
        let closed = [State::Declined, State::Expired].contains(&case.payments[0].state);
        let again = case.payments.iter().all(|p| p.state != State::Pending);
        let open = case.payments[0].state == State::Open && case.payments[0].open_page().is_some();
        let nothing = closed && again && case.due().minor > 0 || open;
        assert_eq!(
            read.contains("nothing was taken") || read.contains("Nothing was taken"),
            nothing,
            "{read}"
        );
        let thanks = case.payments[0].state == State::Paid;
        assert_eq!(read.contains("Thank you"), thanks, "{read}");
        assert_eq!(page.contains("/receipts/abc"), thanks, "{page}");
        let pays = link == "Pay again";
        assert_eq!(page.contains("/pay/token"), pays, "{page}");
    }
    assert!(!text(&done::back()).contains("Thank you"));
}

/// How the payments stand of one who comes back, what the page says, and where it leads.
fn who_comes_back() -> Vec<(Vec<Payment>, &'static str, &'static str)> {
    let returned = Payment {
        returned_whole: true,
        ..on_page(1, 17_200, State::Returned)
    };
    let approved = Payment {
        approved: true,
        ..on_page(1, 17_200, State::Open)
    };
    let paid = Payment {
        paid_with: Some("Visa ending 4242".into()),
        ..on_page(1, 17_200, State::Paid)
    };
    let page = |state| vec![on_page(1, 17_200, state)];
    vec![
        (
            vec![paid],
            "Thank you, your payment is here",
            "/receipts/abc",
        ),
        (vec![approved], "Please do not pay again", "href=\"\""),
        (
            page(State::Pending),
            "We are confirming your payment",
            "href=\"\"",
        ),
        (page(State::Unknown), "Please do not pay again", "href=\"\""),
        (
            page(State::Open),
            "Did you stop before the end? Then nothing was taken",
            "href=\"\"",
        ),
        (
            page(State::Declined),
            "Your payment did not go through",
            "Pay again",
        ),
        (
            vec![payment(1, 17_200, State::Expired)],
            "The page to pay on has closed",
            "",
        ),
        (
            vec![
                payment(1, 17_200, State::Expired),
                on_page(2, 17_200, State::Open),
            ],
            "The page to pay on has closed",
            "Pay again",
        ),
        (vec![returned], "Your bank returned the payment", ""),
        (
            vec![
                payment(1, 17_200, State::Declined),
                payment(2, 17_200, State::Pending),
            ],
            "Please do not pay again",
            "href=\"\"",
        ),
        (
            vec![
                payment(1, 17_200, State::Declined),
                payment(2, 17_200, State::Paid),
            ],
            "Nothing is left to pay",
            "",
        ),
    ]
}

#[test]
fn who_comes_back_before_the_gateway_has_spoken_waits_on_a_page_that_looks_again_by_itself() {
    let approved = Payment {
        approved: true,
        ..on_page(1, 17_200, State::Open)
    };
    for waits in [
        on_page(1, 17_200, State::Open),
        approved,
        on_page(1, 17_200, State::Unknown),
    ] {
        let case = with(vec![waits]);
        let page = back(&case, 0);
        assert!(page.contains("http-equiv=\"refresh\""), "{page}");
        assert!(!page.contains("/pay/token"), "no second way to pay: {page}");
        assert!(text(&page).contains("Please do not pay again"), "{page}");
    }
    let paid = with(vec![on_page(1, 17_200, State::Paid)]);
    let page = back(&paid, 0);
    assert!(!page.contains("refresh"), "{page}");
}

#[test]
fn who_stopped_at_the_gateway_is_asked_to_go_back_unless_the_payment_is_under_way() {
    let shown = |state| {
        let case = with(vec![on_page(1, 17_200, state)]);
        let visit = done::Visit {
            stopped: true,
            looked: 0,
        };
        let first = &case.payments[0];
        done::of_payment(&settings(), &case, first, WAYS, visit)
    };
    for (state, words, pays) in [
        (
            State::Open,
            "You stopped before the end Nothing was taken",
            true,
        ),
        (
            State::Declined,
            "You stopped before the end Nothing was taken",
            true,
        ),
        (State::Pending, "Please do not pay again", false),
        (State::Unknown, "Please do not pay again", false),
        (State::Paid, "Thank you, your payment is here", false),
    ] {
        let page = shown(state);
        assert!(text(&page).contains(words), "{state:?}: {page}");
        assert_eq!(page.contains("/pay/token"), pays, "{state:?}: {page}");
    }
}

#[test]
fn a_bank_debit_on_its_way_says_when_it_is_collected_and_that_nothing_is_left_to_pay() {
    for (day, when) in [
        (
            Some(jiff::civil::date(2026, 12, 14)),
            "on Monday 14 December",
        ),
        (None, "takes some working days"),
    ] {
        let mut case = with(vec![on_page(1, 17_200, State::Pending)]);
        case.payments[0].gateway = "gocardless".into();
        case.payments[0].collected_on = day;
        let page = back(&case, 0);
        let read = text(&page);
        for words in [when, "Your bank debit is on its way", "Left to pay $0.00"] {
            assert!(read.contains(words), "{words} not in {read}");
        }
        assert!(
            !read.contains("few seconds") && !page.contains("refresh"),
            "{page}"
        );
        let invoice = shown(&case, None);
        assert!(
            invoice.contains(when) && !invoice.contains("A card"),
            "{invoice}"
        );
    }
}

#[test]
fn a_walk_in_s_receipt_names_nobody_and_its_items_by_number() {
    let plain = Settings {
        address: String::new(),
        phone: String::new(),
        tax_number: String::new(),
        ..settings()
    };
    let case = with(vec![payment(1, 17_200, State::Paid)]);
    let facts = Facts {
        issuer: Some(receipts::Issuer::of(&plain)),
        ..facts(&case, None)
    };
    let text = text(&receipt::page(&plain, &facts, "", &[]));
    assert!(
        !text.contains("Patient") && !text.contains("Tax receipt"),
        "{text}"
    );
    assert!(
        text.contains("Item 1 none $150.00 Item 2 Quantity 2 $2.00 10% $22.00"),
        "{text}"
    );
    assert!(
        text.contains("Paid online through Stripe $172.00"),
        "{text}"
    );
    assert!(
        text.contains("Questions? Ask the clinic and quote 01234567-1 ."),
        "{text}"
    );
}

#[test]
fn an_invoice_that_is_due_says_how_much_for_what_until_when_and_where() {
    let case = with(vec![on_page(1, 17_200, State::Open)]);
    let page = invoice::page(
        &settings(),
        &case,
        "Juniper Vale",
        &said(),
        Some(PAY_AT),
        &[],
    );
    let button = "action=\"https://pay.example.org/pay/token?a=1&amp;b=2\"";
    assert!(page.contains(button), "{page}");
    insta::assert_snapshot!(lines(&page), @r"
    Skip to the main part
    WS Wattle Street Clinic
    To pay
    $172.00 AUD
    Invoice WS-2041 of 8 December 2026
    Total of the invoice $172.00
    Left to pay $172.00
    The page to pay on is open until Wednesday 9 December, 2:10 pm (Melbourne time) .
    Your invoice is ready
    Pay $172.00
    You pay on our payment partner’s secure page, in AUD. We never see your card or account number.
    What it is for
    Item Tax Amount
    Initial visit, 45 minutes none $150.00
    Equipment to take home Quantity 2 $2.00 10% $22.00
    Without tax $170.00
    Total $2.00 $172.00
    From Wattle Street Clinic
    12 Wattle Street, Exampleton VIC 3999
    ABN 00 000 000 000
    Patient Juniper Vale
    Invoice WS-2041 of 8 December 2026
    Rather talk to someone? Call the clinic on (03) 7010 0142 .
    Payments by Meridian
    ");
}

#[test]
fn an_invoice_asks_for_money_only_while_it_may_be_paid() {
    for (case, words, asks) in invoices() {
        let text = shown(&case, Some(PAY_AT));
        assert!(text.contains(words), "{words} not in {text}");
        assert_eq!(text.contains("Pay $"), asks, "{text}");
    }
    let nowhere = shown(&case(), None);
    assert!(
        nowhere.contains("Call (03) 7010 0142 and quote WS-2041."),
        "{nowhere}"
    );
    assert!(!shown(&case(), Some("javascript:alert(1)")).contains("Pay $"));
}

/// Invoices, what each says, and whether it asks for money.
fn invoices() -> Vec<(Case, &'static str, bool)> {
    let returned = Payment {
        returned_whole: true,
        ..payment(1, 17_200, State::Returned)
    };
    let lost = Dispute::new("dp_1".into(), money(17_200), dispute::State::Lost, false);
    let lost = Payment {
        disputes: vec![lost],
        ..payment(1, 17_200, State::Returned)
    };
    let approved = Payment {
        approved: true,
        ..on_page(1, 17_200, State::Open)
    };
    let saved = Payment {
        method: visa(),
        ..payment(1, 17_200, State::Open)
    };
    let mut void = case();
    void.bill.invoice_mut().void = true;
    let paying = |state| with(vec![payment(1, 17_200, state)]);
    vec![
        (case(), "Your invoice is ready", true),
        (paying(State::Paid), "This invoice is paid", false),
        (
            with(vec![payment(1, 6000, State::Paid)]),
            "$112.00 is left to pay",
            true,
        ),
        (
            paying(State::Pending),
            "We are confirming your payment",
            false,
        ),
        (paying(State::Unknown), "Please do not pay again", false),
        (
            with(vec![approved]),
            "We are confirming your payment",
            false,
        ),
        (with(vec![saved]), "We are confirming your payment", false),
        (
            with(vec![on_page(1, 17_200, State::Declined)]),
            "No money was taken",
            true,
        ),
        (paying(State::Expired), "Your invoice is ready", true),
        (
            with(vec![returned]),
            "Your bank returned the payment of $172.00",
            true,
        ),
        (
            with(vec![lost]),
            "Your bank returned the payment of $172.00",
            true,
        ),
        (refunded(), "Paid, and money was sent back", false),
        (void, "This invoice was cancelled", false),
    ]
}

#[test]
fn an_invoice_is_one_that_a_health_fund_accepts() {
    let case = Case {
        starts_at: Some("2026-12-07T20:30:00Z".parse().unwrap()),
        ..case()
    };
    let text = shown(&case, None);
    for words in [
        "From Wattle Street Clinic 12 Wattle Street, Exampleton VIC 3999 ABN 00 000 000 000",
        "Patient Juniper Vale",
        "Invoice WS-2041 of 8 December 2026",
        "Date of service 8 December 2026",
        "$2.00 10%",
        "Without tax $170.00",
    ] {
        assert!(text.contains(words), "{words} not in {text}");
    }
}
