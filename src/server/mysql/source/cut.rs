//! Cuts a table into ranges along the key that its rows are kept by.
//!
//! Bounds are keys that exist, found by looking for the first key behind values spread between two known ones, again and again where the
//! server's estimate says that most rows are. Never by stepping through the values of a key: of a number with nineteen digits there may be a
//! thousand rows. The server does all comparing, so its collations are the order; what a range is does not depend on any estimate.

use super::candidates::{asked, between, written};
use super::keys::{self, Order};
use crate::domain::connection::Product;
use crate::domain::schema::{Range, TableName};
use crate::server::mysql::connect::Session;
use crate::server::mysql::quote::{ident, qualified};
use crate::server::mysql::wire::{Error, Row};
use std::time::{Duration, Instant};

/// Cutting takes no longer than this, however uneven the parts are then.
const LIMIT: Duration = Duration::from_millis(800);

/// Values that are looked for at a time.
const FAN: usize = 32;

/// A part is looked into while it is larger than this share of a wanted one.
const GRAIN: f64 = 0.34;

/// A column of the key.
struct Axis {
    name: String,
    order: Order,
}

/// A key, as the values of its columns, each as it is asked for.
type Point = Vec<String>;

/// Rows between two keys, the first with them.
#[derive(Clone, Debug)]
struct Span {
    low: Point,
    high: Point,
    rows: f64,
    /// Nothing was found within it.
    solid: bool,
}

/// A table and its key.
struct Table<'a> {
    session: &'a mut Session,
    name: String,
    hint: String,
    axes: Vec<Axis>,
}

/// Cuts a table into about so many ranges; none where it has no key that can be compared, or too few rows.
pub async fn cut(session: &mut Session, database: &str, table: &str, pieces: u64) -> Result<Vec<Range>, Error> {
    let columns = keys::columns(session, database, Some(table)).await?;
    let Some(key) = keys::keys(session, database, Some(table), &columns).await?.remove(table) else { return Ok(Vec::new()) };
    let of = columns.get(table).map(Vec::as_slice).unwrap_or_default();
    let axis = |name: &String| {
        let order = of.iter().find(|column| column.name == *name)?.order()?;
        Some(Axis { name: ident(name), order })
    };
    let Some(axes) = key.columns.iter().map(axis).collect::<Option<Vec<_>>>() else { return Ok(Vec::new()) };
    let name = qualified(&TableName::new(database, table));
    let mut table = Table { session, name, hint: format!("FORCE INDEX ({})", ident(&key.index)), axes };
    let bounds = table.bounds(pieces).await?;
    Ok(table.ranges(&bounds))
}

impl Table<'_> {
    /// The keys at which ranges begin, apart from the first one.
    async fn bounds(&mut self, pieces: u64) -> Result<Vec<Point>, Error> {
        let began = Instant::now();
        let (Some(low), Some(high)) = (self.end("ASC", "TRUE").await?, self.end("DESC", "TRUE").await?) else { return Ok(Vec::new()) };
        let mut spans = self.weighed(vec![low, high]).await?;
        let mut looks = 0;
        while began.elapsed() < LIMIT {
            let total: f64 = spans.iter().map(|span| span.rows).sum();
            let grain = total / pieces.max(1) as f64 * GRAIN;
            let heaviest = spans.iter().enumerate().filter(|(_, span)| !span.solid && span.rows > grain);
            let Some((at, span)) = heaviest.max_by(|(_, a), (_, b)| a.rows.total_cmp(&b.rows)) else { break };
            let (span, mut points) = (span.clone(), vec![span.low.clone()]);
            points.extend(self.within(&span).await?);
            looks += 1;
            if points.len() == 1 {
                spans[at].solid = true;
                continue;
            }
            points.push(span.high);
            let finer = self.weighed(points).await?;
            spans.splice(at..=at, finer);
        }
        let bounds = chosen(&spans, pieces);
        tracing::debug!(
            table = self.name,
            pieces,
            bounds = bounds.len(),
            looks,
            milliseconds = began.elapsed().as_millis() as u64,
            "a table was cut"
        );
        Ok(bounds)
    }

    /// The first or last key of those for which a condition holds.
    async fn end(&mut self, direction: &str, condition: &str) -> Result<Option<Point>, Error> {
        let order: Vec<String> = self.axes.iter().map(|axis| format!("{} {direction}", axis.name)).collect();
        let sql =
            format!("SELECT {} FROM {} {} WHERE {condition} ORDER BY {} LIMIT 1", self.values(), self.name, self.hint, order.join(", "));
        Ok(self.session.query(&sql).await?.first().map(point))
    }

    fn values(&self) -> String {
        self.axes.iter().map(|axis| asked(&axis.order, &axis.name)).collect::<Vec<_>>().join(", ")
    }

    /// Keys inside a span, in order.
    async fn within(&mut self, span: &Span) -> Result<Vec<Point>, Error> {
        let Some(at) = self.differs(&span.low, &span.high) else { return Ok(Vec::new()) };
        let mut found = self.spread(span, at, &span.high).await?;
        if found.is_empty() && at + 1 < self.axes.len() {
            found = self.beside(span, at).await?;
        }
        if !found.is_empty() {
            return Ok(found);
        }
        // All values that were looked for are in a gap at the span's end: the key before the gap is where to look from.
        let inside =
            format!("({}) AND ({})", self.compared(">", &self.literals(&span.low)), self.compared("<", &self.literals(&span.high)));
        let Some(last) = self.end("DESC", &inside).await?.filter(|last| *last != span.low) else { return Ok(found) };
        if let Some(at) = self.differs(&span.low, &last) {
            found = self.spread(span, at, &last).await?;
        }
        if !found.contains(&last) {
            found.push(last);
        }
        Ok(found)
    }

    /// The first column in which two keys differ.
    fn differs(&self, one: &Point, other: &Point) -> Option<usize> {
        (0..self.axes.len()).find(|at| one[*at] != other[*at])
    }

    /// Keys inside a span, at values of a column between its own and another key's.
    async fn spread(&mut self, span: &Span, at: usize, to: &Point) -> Result<Vec<Point>, Error> {
        let mut found = Vec::new();
        for values in between(&self.axes[at].order, &span.low[at], &to[at], FAN) {
            found = self.snapped(span, at, &values).await?;
            if found.len() > 2 {
                break;
            }
        }
        Ok(found)
    }

    /// Keys inside a span which is the end of one value of a column and the beginning of another.
    async fn beside(&mut self, span: &Span, at: usize) -> Result<Vec<Point>, Error> {
        let same = |point: &Point| -> String {
            let equal = |axis: usize| format!("{} = {}", self.axes[axis].name, written(&self.axes[axis].order, &point[axis]));
            (0..=at).map(equal).collect::<Vec<_>>().join(" AND ")
        };
        let (ends, begins) = (same(&span.low), same(&span.high));
        let first = self.end("ASC", &begins).await?.filter(|first| *first != span.high && *first != span.low);
        let mut found = Vec::new();
        if let Some(last) = self.end("DESC", &ends).await?.filter(|last| *last != span.low) {
            if let Some(next) = self.differs(&span.low, &last) {
                found = self.spread(span, next, &last).await?;
                // A value behind the last one of these finds the next of those.
                found.retain(|point| point[..=at] == span.low[..=at]);
            }
            if found.is_empty() {
                found.push(last);
            }
        }
        found.extend(first);
        Ok(found)
    }

    /// The first keys at or behind values of a column, those before it being as at the span's beginning; all inside the span, in order.
    async fn snapped(&mut self, span: &Span, at: usize, values: &[String]) -> Result<Vec<Point>, Error> {
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let names = self.axes.iter().map(|axis| axis.name.clone()).collect::<Vec<_>>().join(", ");
        let prefix: Vec<String> = self.literals(&span.low)[..at].to_vec();
        let inside =
            format!("({}) AND ({})", self.compared(">", &self.literals(&span.low)), self.compared("<", &self.literals(&span.high)));
        let looks: Vec<String> = values
            .iter()
            .map(|value| {
                let from = self.compared(">=", &[&prefix[..], std::slice::from_ref(value)].concat());
                format!("(SELECT {names} FROM {} {} WHERE ({from}) AND {inside} ORDER BY {names} LIMIT 1)", self.name, self.hint)
            })
            .collect();
        let sql = format!("SELECT {} FROM ({}) AS found ORDER BY {names}", self.values(), looks.join(" UNION "));
        let mut points: Vec<Point> = self.session.query(&sql).await?.iter().map(point).collect();
        // Long values are known by their beginnings only.
        points.dedup();
        points.retain(|point| *point != span.low && *point != span.high);
        Ok(points)
    }

    fn literals(&self, point: &Point) -> Vec<String> {
        self.axes.iter().zip(point).map(|(axis, value)| written(&axis.order, value)).collect()
    }

    /// The key, or as many columns of it as there are literals, compared column by column in words that every optimiser makes a range of:
    /// `a >= 1 AND (a > 1 OR (a = 1 AND b > 2))`.
    fn compared(&self, operator: &str, literals: &[String]) -> String {
        let strict = &operator[..1];
        let Some((last, before)) = literals.split_last() else { return "TRUE".to_owned() };
        let mut condition = format!("{} {operator} {last}", self.axes[before.len()].name);
        for (axis, literal) in self.axes.iter().zip(before).rev() {
            let name = &axis.name;
            condition = format!("{name} {strict}= {literal} AND ({name} {strict} {literal} OR ({name} = {literal} AND {condition}))");
        }
        condition
    }

    /// The spans between keys in order, with the server's estimates of their rows.
    async fn weighed(&mut self, points: Vec<Point>) -> Result<Vec<Span>, Error> {
        let spans: Vec<(Point, Point)> = points.iter().cloned().zip(points.iter().skip(1).cloned()).collect();
        let one = |(low, high): &(Point, Point)| {
            let (low, high) = (self.compared(">=", &self.literals(low)), self.compared("<", &self.literals(high)));
            format!("SELECT 1 FROM {} {} WHERE ({low}) AND ({high})", self.name, self.hint)
        };
        // MySQL has two columns more than MariaDB.
        let (format, rows) = if self.session.flavour().product == Product::Mysql { ("FORMAT = TRADITIONAL ", 9) } else { ("", 8) };
        let sql = format!("EXPLAIN {format}{}", spans.iter().map(one).collect::<Vec<_>>().join(" UNION ALL "));
        let told = self.session.query(&sql).await?;
        let mut told = told.iter().filter(|row| row.text(1).is_none_or(|kind| kind != "UNION RESULT"));
        Ok(spans
            .into_iter()
            .map(|(low, high)| Span { low, high, rows: told.next().and_then(|row| row.number(rows)).unwrap_or(1.0), solid: false })
            .collect())
    }

    /// The ranges that begin at some keys: the first takes everything before them, the last everything behind.
    fn ranges(&self, bounds: &[Point]) -> Vec<Range> {
        if bounds.is_empty() {
            return Vec::new();
        }
        let from = std::iter::once(None).chain(bounds.iter().map(Some));
        let to = bounds.iter().map(Some).chain(std::iter::once(None));
        from.zip(to)
            .map(|(from, to)| {
                let conditions = [
                    from.map(|point| format!("({})", self.compared(">=", &self.literals(point)))),
                    to.map(|point| format!("({})", self.compared("<", &self.literals(point)))),
                ];
                Range::Rows(format!("{} WHERE {}", self.hint, conditions.into_iter().flatten().collect::<Vec<_>>().join(" AND ")))
            })
            .collect()
    }
}

fn point(row: &Row) -> Point {
    (0..row.len()).map(|at| row.owned(at)).collect()
}

/// Where ranges of about the same weight begin.
fn chosen(spans: &[Span], pieces: u64) -> Vec<Point> {
    let total: f64 = spans.iter().map(|span| span.rows).sum();
    let share = total / pieces.max(1) as f64;
    let (mut before, mut next, mut bounds) = (0.0, 1.0, Vec::new());
    for pair in spans.windows(2) {
        before += pair[0].rows;
        // The nearer end of the span in which a share ends.
        if before + pair[1].rows / 2.0 >= share * next && share * next < total {
            bounds.push(pair[1].low.clone());
            next = (before / share).floor().max(next) + 1.0;
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_where_shares_end() {
        let span = |low: u32, rows: f64| Span { low: vec![low.to_string()], high: vec![(low + 1).to_string()], rows, solid: false };
        let even: Vec<Span> = (0..100).map(|n| span(n, 10.0)).collect();
        assert_eq!(chosen(&even, 4), [["25"], ["50"], ["75"]]);
        assert!(chosen(&even, 1).is_empty());
        let heavy = [span(0, 1.0), span(1, 97.0), span(2, 1.0), span(3, 1.0)];
        let bounds = chosen(&heavy, 4);
        assert!(bounds.len() <= 3 && bounds.is_sorted(), "{bounds:?}");
    }
}
