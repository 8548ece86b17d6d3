//! The page's modules as one script, so that a browser asks once and not once a module.
//!
//! What the modules use of the language of modules is little: `import { name } from "./module.js"` at the beginning of a
//! line, and `export` before a declaration. Each becomes a function that is called once, after those it imports.

use std::fmt::Write;

use crate::files::File;
use crate::options::{Error, Result};

/// The script of the module `entry`.
///
/// # Errors
/// [`Error::Module`] names the module that cannot be found, read, or that imports itself by way of others.
pub(crate) fn bundle(entry: &str, files: &[File]) -> Result<Vec<u8>> {
    let mut bundle = Bundle { files, script: String::new(), written: Vec::new(), open: Vec::new() };
    bundle.add(entry)?;
    Ok(bundle.script.into_bytes())
}

struct Bundle<'a> {
    files: &'a [File],
    script: String,
    written: Vec<&'a str>,
    open: Vec<&'a str>,
}

impl<'a> Bundle<'a> {
    fn add(&mut self, name: &str) -> Result<()> {
        let wrong = |what: &str| Error::Module(format!("{name} {what}"));
        let file = self.files.iter().find(|file| file.name == name).ok_or_else(|| wrong("is not there"))?;
        if self.written.contains(&file.name) {
            return Ok(());
        }
        if self.open.contains(&file.name) {
            return Err(wrong("imports itself, by way of others"));
        }
        self.open.push(file.name);
        let source = str::from_utf8(file.bytes).map_err(|_| wrong("is not UTF-8"))?;
        let mut body = String::new();
        let mut exports = Vec::new();
        for line in source.lines() {
            if line.starts_with("import ") {
                let (names, from) =
                    import(line).ok_or_else(|| wrong("has an import that is not `{ … } from \"./…\"`"))?;
                self.add(from)?;
                body.push_str(&format!("const {{{names}}} = {};\n", variable(from)));
            } else if let Some(declaration) = line.strip_prefix("export ") {
                exports.push(declared(declaration).ok_or_else(|| wrong("exports something that has no name"))?);
                body.push_str(declaration);
                body.push('\n');
            } else {
                body.push_str(line);
                body.push('\n');
            }
        }
        self.open.pop();
        self.written.push(file.name);
        let exports = exports.join(", ");
        let _ = writeln!(self.script, "const {} = (() => {{\n{body}return {{ {exports} }};\n}})();", variable(name));
        Ok(())
    }
}

/// The names that a line imports, and the module.
fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import {")?.split_once("} from \"./")?;
    Some((names, from.strip_suffix("\";")?))
}

/// The name of what is declared.
fn declared(declaration: &str) -> Option<&str> {
    let mut words = declaration.split([' ', '(', '=', '{', ';']).filter(|word| !word.is_empty());
    words.find(|word| !matches!(*word, "async" | "function" | "class" | "const" | "let"))
}

/// What a module's exports are kept in.
fn variable(name: &str) -> String {
    format!("${}", name.trim_end_matches(".js"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &'static str, source: &'static str) -> File {
        File { name, bytes: source.as_bytes() }
    }

    #[test]
    fn modules_come_after_what_they_import_and_once() {
        let files = [
            file("a.js", "import { b } from \"./b.js\";\nimport { c, C } from \"./c.js\";\nb(c);\n"),
            file("b.js", "import { c } from \"./c.js\";\nexport async function b(x) {\n  return c + x;\n}\n"),
            file("c.js", "export const c = 1;\nexport class C {}\n"),
        ];
        let script = String::from_utf8(bundle("a.js", &files).expect("a script")).expect("text");
        let expected = "const $c = (() => {\nconst c = 1;\nclass C {}\nreturn { c, C };\n})();\n\
            const $b = (() => {\nconst { c } = $c;\nasync function b(x) {\n  return c + x;\n}\nreturn { b };\n})();\n\
            const $a = (() => {\nconst { b } = $b;\nconst { c, C } = $c;\nb(c);\nreturn {  };\n})();\n";
        assert_eq!(script, expected);
    }

    #[test]
    fn what_cannot_be_put_together_is_named() {
        let circle = [file("a.js", "import { b } from \"./b.js\";\n"), file("b.js", "import { a } from \"./a.js\";\n")];
        for (files, expected) in [
            (&circle[..], "a.js imports itself"),
            (&[file("a.js", "import { x } from \"./x.js\";\n")], "x.js is not there"),
            (&[file("a.js", "import x from \"./x.js\";\n")], "a.js has an import"),
        ] {
            let error = bundle("a.js", files).expect_err("it is wrong").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
