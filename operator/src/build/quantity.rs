//! Quantities as the API server writes them back: anything else would differ from what runs at every look.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// The canonical form: no fraction, and the largest suffix without one. What is finer than a thousandth is rounded up.
/// What is no quantity stays as it is, for the API server to say so.
#[must_use]
pub fn canonical(quantity: &vitte_crds::Quantity) -> Quantity {
    let text = quantity.as_str();
    Quantity(quantity.thousandths().map_or_else(|| text.to_owned(), |amount| write(amount, text.ends_with('i'))))
}

/// So many bytes.
#[must_use]
pub fn bytes(amount: u128) -> Quantity {
    Quantity(write(amount.saturating_mul(1000), true))
}

fn write(thousandths: u128, binary: bool) -> String {
    if !thousandths.is_multiple_of(1000) {
        return format!("{thousandths}m");
    }
    let mut amount = thousandths / 1000;
    // As in Kubernetes: below one Ki a binary amount is written as a decimal one.
    let (step, suffixes) = if binary && amount >= 1024 { (1024, BINARY) } else { (1000, DECIMAL) };
    let mut place = 0;
    while amount > 0 && amount.is_multiple_of(step) && place + 1 < suffixes.len() {
        amount /= step;
        place += 1;
    }
    format!("{amount}{}", suffixes[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_as_the_api_server_writes_them() {
        let table = [
            ("500m", "500m"),
            ("0.5", "500m"),
            ("1", "1"),
            ("1000m", "1"),
            ("1000", "1k"),
            ("1500", "1500"),
            ("1000M", "1G"),
            ("64Mi", "64Mi"),
            ("1024Mi", "1Gi"),
            ("0.5Gi", "512Mi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("0.9765625Ki", "1k"),
            ("1024", "1024"),
            ("0", "0"),
            ("0Mi", "0"),
            ("5Gi", "5Gi"),
            ("0.0001", "1m"),
            ("lots", "lots"),
        ];
        for (written, wanted) in table {
            assert_eq!(canonical(&vitte_crds::Quantity::new(written)).0, wanted, "{written}");
        }
        assert_eq!(bytes(224 << 20).0, "224Mi");
    }
}
