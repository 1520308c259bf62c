//! The table's rows: every key and typed form. Nowhere else is one of these keys spelt.
//!
//! | row | pk | sk |
//! |---|---|---|
//! | case | `{clinic}#case#{id}` | `case` |
//! | how an invoice stands, for lists | the case's | `status` |
//! | journal entry | the case's | `journal#{seq}` |
//! | task | the case's, or that of what it is about | `task#{id}` |
//! | sealed texts of an invoice | the case's | `document` |
//! | what a person found out | the case's | `finding#{task}#{digest}` |
//! | occurrence | its book's | `outbox#{place}` |
//! | delivery | its book's | `delivery#{system}#{place}` |
//! | event | `{clinic}#event#{source}#{id}` | `event` |
//! | alias | `{clinic}#ref#{gateway}#{id}` | `ref` |
//! | when it was looked up for an unproven notice | the alias's | `asked` |
//! | invoice's number | `{clinic}#number#{hash}` | `ref` |
//! | refund that was asked for | `{clinic}#refund#{id}` | `refund` |
//! | receipt | `{clinic}#receipt#{id}` | `receipt` |
//! | patient, saved method, the one that was chosen | `{clinic}#patient#{id}` | `patient`, `method#{hash}`, `method-chosen` |
//! | what leads to a patient | `{clinic}#find#{code}` | the patient's id |
//! | what a system keeps of a patient | `{clinic}#known#{system}#{hash}` | `contact` |
//! | appointment, what a practice system said of it last | `{clinic}#appointment#{hash}` | `appointment`, `told#{connection}` |
//! | type of appointments | `{clinic}#appointment-type#{hash}` | `type` |
//! | change outside of every case | `{clinic}#audit` | `{millis}#{random}` |
//! | what one was shown of a patient | `{clinic}#audit` | `read#{hash}` |
//! | a number that wants no texts | `{clinic}#optout#{code}` | `optout` |
//! | settings | `{clinic}#settings` | `settings` |
//! | ids of the clinics | `_#clinics#{part}` | `clinics` |
//! | access token | `{clinic}#token#{vendor}` | `token` |
//! | connection that gave trouble | `{clinic}#connection#{vendor}` | `connection` |
//! | how far a list of a vendor was read | `{clinic}#poll#{connection}` | `poll#{list}` |
//! | API key | `key#{hash}` | `key` |
//!
//! Three indexes hold keys alone. `due`: `due#{lane}#{shard}` by due time, and `held#{clinic}#{system}`
//! for what waits for a connection. `list` and `list2`, of which a row may be in one list each:
//!
//! | list | index | rows, newest first |
//! |---|---|---|
//! | `{clinic}#invoices` | 1 | cases |
//! | `{clinic}#patient#{id}#invoices` | 2 | cases of a patient |
//! | `{clinic}#patient#{id}#audit` | 2 | what was done to a patient, and who was shown them |
//! | `{clinic}#invoices#{status}` | 1 | status rows of those that stand so |
//! | `{clinic}#appointment#{hash}#invoices` | 2 | status rows of an appointment's |
//! | `{clinic}#journal#{day}#{shard}` | 1 | entries of journals, and changes outside of them |
//! | `{clinic}#tasks` | 1 | what waits for a person |
//! | `{clinic}#tasks#{alert}` | 2 | what waits for a person for this cause |
//! | `{clinic}#deliveries#{state}` | 2 | what did not arrive: `failed`, `unknown` |
//! | `{clinic}#patient#{id}#refunds` | 2 | refunds of a patient's invoices |
//! | `{clinic}#waits#{gateway}` | 1 | what waits for a gateway to answer |
//! | `{clinic}#events`, `#refunds`, `#deliveries`, `#appointments`, `#appointment-types`, `#patients`, `#keys` | 1 | all of the clinic's |

pub mod alias;
pub mod appointment;
pub mod appointment_type;
pub mod asked;
pub mod case;
pub mod connection;
pub mod credit;
pub mod delivery;
pub mod document;
pub mod event;
pub mod finding;
pub mod found;
pub mod journal;
pub mod key;
pub mod known;
pub mod method;
pub mod number;
pub mod optout;
pub mod outbox;
pub mod patient;
pub mod poll;
pub mod receipt;
pub mod refund;
pub mod settings;
pub mod task;
pub mod token;
pub mod told;
