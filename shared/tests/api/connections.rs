//! A connection that is broken: told once for the clinic, whatever waits for it, and nothing that
//! waits is given up.

use crate::stack::Clinic;
use meridian::flows::case_pk;
use meridian::queue::RowKey;
use meridian::store::{Row, Write};
use serde_json::Value;

impl Clinic {
    /// Works the delivery off, as if its time had come.
    async fn delivers(&self, key: &RowKey) {
        let write = Write::Change {
            key: key.clone(),
            set: Row::default().number("due_at", 1),
            remove: vec![],
        };
        self.write(write).await;
        self.house.deliver(key).await.expect("a delivery");
    }

    async fn open_tasks(&self) -> Vec<Value> {
        let tasks = self.get("/v1/tasks").await;
        tasks["tasks"].as_array().cloned().unwrap_or_default()
    }
}

#[tokio::test]
async fn a_broken_connection_is_one_task_of_the_clinic_and_gives_nothing_up() {
    let clinic = Clinic::new().await;
    let cases = [clinic.invoice(None).await, clinic.invoice(None).await];
    for case in &cases {
        let key = RowKey {
            pk: case_pk(&clinic.id, case),
            sk: "task#tell-xero-invoice-issued".into(),
        };
        // Longer than any delivery is tried.
        for _ in 0..12 {
            clinic.delivers(&key).await;
        }
        let told = clinic.get(&format!("/v1/deliveries?case={case}")).await;
        assert_eq!(told["deliveries"][0]["state"], "open", "{told}");
    }
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    assert_eq!(tasks[0]["alert"], "blocked");
    let text = tasks[0].to_string();
    assert!(
        text.contains("Xero") && text.contains("/v1/integrations/xero"),
        "{text}"
    );
}
