//! Whether a server can take an archive at all: definitions and rows of one family of servers mean nothing to another.

use crate::archive::manifest::Head;
use crate::domain::server::ServerInfo;
use crate::domain::{Code, Fault, text};

/// Refuses an archive of another family of servers, before anything is touched.
pub fn fits(head: &Head, info: &ServerInfo) -> Result<(), Fault> {
    let (from, to) = (head.source.product(), info.product);
    if from.is_mysql() == to.is_mysql() {
        return Ok(());
    }
    let version = text::clean(&head.source.version);
    let step = format!("Restore it to a server of {from}: choose another one, or name it with --engine {}.", from.word());
    Err(Fault::new(Code::VersionUnsupported, format!("an archive of {from} cannot be restored to {to}"))
        .because(format!("it was made from {from} {version}; definitions and rows have the form of that product"))
        .at("Server", info.title())
        .step(step))
}

/// Whether definitions can be compared word by word: source and target are of one product and series.
pub fn is_same_series(head: &Head, info: &ServerInfo) -> bool {
    let source = ServerInfo { product: head.source.product(), version_num: head.source.version_num, ..ServerInfo::default() };
    source.product == info.product && source.series() == info.series()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::manifest::Source;
    use crate::domain::Product;

    #[test]
    fn families_stay_among_themselves() {
        let head = |product: Product, version_num| {
            let source = Source { product: product.name().to_owned(), version_num, ..Source::default() };
            Head { source, ..Head::default() }
        };
        let info = |product, version_num| ServerInfo { product, version_num, ..ServerInfo::default() };
        let (postgres, mysql, maria) = (info(Product::Postgres, 150_018), info(Product::Mysql, 90_704), info(Product::Mariadb, 101_119));
        let fault = fits(&head(Product::Mysql, 90_704), &postgres).expect_err("another family");
        assert_eq!(fault.code, Code::VersionUnsupported);
        assert!(fault.steps.iter().any(|step| step.to_string().contains("--engine mysql")), "{fault:?}");
        assert!(fits(&head(Product::Postgres, 150_018), &maria).is_err());
        assert!(fits(&head(Product::Mariadb, 101_119), &mysql).is_ok());
        assert!(is_same_series(&head(Product::Mariadb, 101_114), &maria) && !is_same_series(&head(Product::Mysql, 101_114), &maria));
        assert!(
            is_same_series(&head(Product::Postgres, 150_002), &postgres) && !is_same_series(&head(Product::Postgres, 140_000), &postgres)
        );
        assert!(!is_same_series(&head(Product::Mysql, 90_600), &mysql));
    }
}
