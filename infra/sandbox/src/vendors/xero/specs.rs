//! What the elements of each resource may hold.

/// The lines of every document.
macro_rules! lines {
    () => {
        "LineItems [ { LineItemID text Description text Quantity number UnitAmount number \
            ItemCode text AccountCode text AccountID text TaxType text TaxAmount number \
            LineAmount number DiscountRate number Tracking [any] } ] \
            LineAmountTypes Exclusive|Inclusive|NoTax "
    };
}

pub const CONTACT: &str = "Contacts! [ { ContactID text ContactNumber text AccountNumber text \
    ContactStatus ACTIVE|ARCHIVED Name text FirstName text LastName text EmailAddress text \
    CompanyNumber text TaxNumber text DefaultCurrency text IsCustomer bool IsSupplier bool \
    Addresses [any] Phones [any] } ]";
pub const INVOICE: &str = concat!(
    "Invoices! [ { InvoiceID text Type ACCREC|ACCPAY Contact any ",
    lines!(),
    "Date text DueDate text InvoiceNumber text Reference text BrandingThemeID text Url text \
    CurrencyCode text CurrencyRate number \
    Status DRAFT|SUBMITTED|AUTHORISED|DELETED|VOIDED SentToContact bool \
    ExpectedPaymentDate text PlannedPaymentDate text } ]"
);
pub const CREDIT_NOTE: &str = concat!(
    "CreditNotes! [ { CreditNoteID text Type ACCRECCREDIT|ACCPAYCREDIT Contact any ",
    lines!(),
    "Date text DueDate text CreditNoteNumber text Reference text CurrencyCode text \
    CurrencyRate number SentToContact bool BrandingThemeID text \
    Status DRAFT|SUBMITTED|AUTHORISED|DELETED|VOIDED } ]"
);
pub const PAYMENT: &str = "Payments! [ { PaymentID text Invoice any CreditNote any \
    Account { Code text AccountID text } Date text Amount number CurrencyRate number \
    Reference text IsReconciled bool Status AUTHORISED|DELETED } ]";
pub const ALLOCATION: &str = "Allocations! [ { Invoice! { InvoiceID text InvoiceNumber text } \
    Amount! number Date! text } ]";
/// Transfers, prepayments and overpayments are not simulated.
pub const BANK_TRANSACTION: &str = concat!(
    "BankTransactions! [ { BankTransactionID text Type RECEIVE|SPEND Contact any ",
    lines!(),
    "BankAccount { Code text AccountID text Name text } IsReconciled bool Date text \
    Reference text CurrencyCode text CurrencyRate number Url text Status AUTHORISED|DELETED } ]"
);
