//! The criteria parser: by hand, one function per rule of the grammar.
//!
//! ```text
//! any        = all { "||" all }
//! all        = term { "&&" term }
//! term       = "(" any ")" | comparison
//! comparison = column operator literal | column "." method "(" literal ")"
//! ```

use super::{Criteria, Test};

/// Deeper nesting than anybody writes; bounds the recursion.
const MAX_DEPTH: usize = 64;

/// Longest first: `>` would match the beginning of `>=`.
const OPERATORS: [(&str, Test); 6] = [
    ("==", Test::Equal),
    ("!=", Test::NotEqual),
    (">=", Test::GreaterOrEqual),
    ("<=", Test::LessOrEqual),
    (">", Test::Greater),
    ("<", Test::Less),
];

const METHODS: [(&str, Test); 3] =
    [("contains", Test::Contains), ("startsWith", Test::StartsWith), ("endsWith", Test::EndsWith)];

/// Where the text stopped making sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected} expected at character {at}")]
pub(crate) struct ParseError {
    at: usize,
    expected: &'static str,
}

pub(super) fn parse(text: &str) -> Result<Criteria, ParseError> {
    let mut parser = Parser { text, at: 0 };
    let criteria = parser.any(0)?;
    parser.skip_spaces();
    if parser.rest().is_empty() { Ok(criteria) } else { Err(parser.expected("end")) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn any(&mut self, depth: usize) -> Result<Criteria, ParseError> {
        let mut parts = vec![self.all(depth)?];
        while self.take("||") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Criteria::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Criteria, ParseError> {
        let mut parts = vec![self.term(depth)?];
        while self.take("&&") {
            parts.push(self.term(depth)?);
        }
        Ok(one_or(parts, Criteria::All))
    }

    fn term(&mut self, depth: usize) -> Result<Criteria, ParseError> {
        if depth > MAX_DEPTH {
            return Err(self.expected("less nesting"));
        }
        if !self.take("(") {
            return self.comparison();
        }
        let inner = self.any(depth + 1)?;
        self.require(")", "closing parenthesis")?;
        Ok(inner)
    }

    fn comparison(&mut self) -> Result<Criteria, ParseError> {
        let column = self.word()?.to_owned();
        if self.take(".") {
            let test = self.method()?;
            self.require("(", "opening parenthesis")?;
            let value = self.literal()?;
            self.require(")", "closing parenthesis")?;
            return Ok(Criteria::Compare { column, test, value });
        }
        let operator = OPERATORS.into_iter().find(|(sign, _)| self.take(sign));
        let (_, test) = operator.ok_or_else(|| self.expected("operator"))?;
        Ok(Criteria::Compare { column, test, value: self.literal()? })
    }

    fn method(&mut self) -> Result<Test, ParseError> {
        let name = self.word()?;
        let method = METHODS.into_iter().find(|(known, _)| *known == name);
        method.map(|(_, test)| test).ok_or_else(|| self.expected("contains, startsWith or endsWith"))
    }

    /// A column or method name, a number, `null`, `true` or `false`.
    fn word(&mut self) -> Result<&'a str, ParseError> {
        self.skip_spaces();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
        if end == 0 {
            return Err(self.expected("name or value"));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn literal(&mut self) -> Result<String, ParseError> {
        self.skip_spaces();
        match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            _ => self.word().map(|word| if word == "null" { String::new() } else { word.to_owned() }),
        }
    }

    /// Inside quotes a backslash takes the next character as it is.
    fn quoted(&mut self, quote: char) -> Result<String, ParseError> {
        let mut value = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            if character == quote {
                self.at += at + 1;
                return Ok(value);
            }
            let plain =
                if character == '\\' { characters.next().map(|(_, next)| next) } else { Some(character) };
            value.extend(plain);
        }
        Err(self.expected("closing quote"))
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_spaces();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn require(&mut self, sign: &str, name: &'static str) -> Result<(), ParseError> {
        if self.take(sign) { Ok(()) } else { Err(self.expected(name)) }
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, expected: &'static str) -> ParseError {
        ParseError { at: self.text[..self.at].chars().count() + 1, expected }
    }
}

fn one_or(mut parts: Vec<Criteria>, join: fn(Vec<Criteria>) -> Criteria) -> Criteria {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        assert_eq!(refusal(""), "name or value expected at character 1");
        assert_eq!(refusal("Ticket_ID"), "operator expected at character 10");
        assert_eq!(refusal(r#"Ticket_ID = "a""#), "operator expected at character 11");
        assert_eq!(refusal(r#"(A == "a""#), "closing parenthesis expected at character 10");
        assert_eq!(refusal(r#"A == "a"#), "closing quote expected at character 6");
        assert_eq!(refusal(r#"A == "a" B"#), "end expected at character 10");
        assert_eq!(refusal(r#"A == "a" &&"#), "name or value expected at character 12");
    }

    #[test]
    fn redundant_parentheses_change_nothing() {
        assert_eq!(parse(r#"((A == "a"))"#), parse(r#"A == "a""#));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!("{}A == 1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(refusal(&deep).starts_with("less nesting expected"));
    }

    #[test]
    fn characters_outside_ascii_do_not_split() {
        let expected =
            Criteria::Compare { column: "Straße".into(), test: Test::Equal, value: "ü\"€".into() };
        assert_eq!(parse(r#" Straße=="ü\"€" "#), Ok(expected));
    }
}
