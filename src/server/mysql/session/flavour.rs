//! Which server it is, told by its version.

use crate::domain::Product;

/// What a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flavour {
    /// MySQL or MariaDB.
    pub product: Product,
    /// `101119` of 10.11.19, `90704` of 9.7.4.
    pub version_num: u32,
    /// The same in the server's own words: `10.11.19-MariaDB-0+deb12u1-log`.
    pub version: String,
}

impl Flavour {
    /// Of what `VERSION()` says.
    pub fn of(version: &str) -> Self {
        // MariaDB used to say this to old replicas, and still says it in its greeting.
        let version = version.strip_prefix("5.5.5-").unwrap_or(version);
        let product = if version.to_ascii_lowercase().contains("mariadb") { Product::Mariadb } else { Product::Mysql };
        let mut numbers =
            version.split(|character: char| !character.is_ascii_digit()).map(|digits| digits.parse::<u32>().unwrap_or(0).min(99));
        let mut next = || numbers.next().unwrap_or(0);
        Self { product, version_num: next() * 10_000 + next() * 100 + next(), version: version.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        for (text, product, number) in [
            ("10.11.19-MariaDB-0+deb12u1-log", Product::Mariadb, 101_119),
            ("5.5.5-10.6.22-MariaDB", Product::Mariadb, 100_622),
            ("11.8.6-MariaDB", Product::Mariadb, 110_806),
            ("9.7.4", Product::Mysql, 90_704),
            ("8.0.36-0ubuntu0.22.04.1", Product::Mysql, 80_036),
            ("8.4", Product::Mysql, 80_400),
        ] {
            let flavour = Flavour::of(text);
            assert_eq!((flavour.product, flavour.version_num), (product, number), "{text}");
        }
    }
}
