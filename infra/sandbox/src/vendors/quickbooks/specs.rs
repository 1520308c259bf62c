//! What requests may hold: the v3 schemas, as far as clinics need them.

pub const CUSTOMER: &str = "DisplayName! text:500 CurrencyRef { value! text name text } \
    GivenName text:100 FamilyName text:100 Notes text:2000 PrimaryEmailAddr { Address! text }";
pub const SALE: &str = "DocNumber text:21 TxnDate text DueDate text CustomerRef! { value! text } \
    CurrencyRef { value! text name text } ExchangeRate number PrivateNote text \
    DepositToAccountRef { value! text name text } PaymentRefNum text:21 \
    GlobalTaxCalculation TaxInclusive|TaxExcluded|NotApplicable TxnTaxDetail { TotalTax number } \
    CustomerMemo { value! text } Line! [ { Description text Amount! number \
    DetailType! SalesItemLineDetail| SalesItemLineDetail! { ItemRef! { value! text name text } \
    Qty number UnitPrice number TaxCodeRef { value! text name text } } } ]";
pub const PAYMENT: &str = "TxnDate text CustomerRef! { value! text } TotalAmt! number \
    CurrencyRef { value! text name text } ExchangeRate number PrivateNote text \
    DepositToAccountRef { value! text name text } PaymentRefNum text:21 \
    Line [ { Amount! number LinkedTxn! [ { TxnId! text TxnType! Invoice|CreditMemo } ] } ]";
pub const UNDO: &str = "Id! text SyncToken! text sparse bool";
