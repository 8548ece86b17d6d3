//! The page's modules as one script, so that a browser sends one request instead of one for each module.
//!
//! The modules use little of the language: `import { name } from "./module.js"` on a line of its own, and `export` before
//! a declaration; no text goes over several lines. Each becomes a function that is called once, after those that it imports.
//! Comments, which are a third of them, stay behind, and so does the indentation.

/// The script of the module `entry` of these files, by name.
///
/// # Errors
/// The module that is missing, cannot be read, or imports itself by way of others.
pub(crate) fn bundle(entry: &str, files: &[(String, Vec<u8>)]) -> Result<String, String> {
    let mut bundle = Bundle { files, script: String::new(), written: Vec::new(), open: Vec::new() };
    bundle.add(entry)?;
    Ok(bundle.script)
}

struct Bundle<'a> {
    files: &'a [(String, Vec<u8>)],
    script: String,
    written: Vec<&'a str>,
    open: Vec<&'a str>,
}

impl<'a> Bundle<'a> {
    fn add(&mut self, name: &str) -> Result<(), String> {
        let wrong = |what: &str| format!("{name} {what}");
        let file = self.files.iter().find(|(known, _)| known == name).ok_or_else(|| wrong("does not exist"))?;
        let (name, bytes) = (file.0.as_str(), &file.1);
        if self.written.contains(&name) {
            return Ok(());
        }
        if self.open.contains(&name) {
            return Err(wrong("imports itself by way of other modules"));
        }
        self.open.push(name);
        let source = str::from_utf8(bytes).map_err(|_| wrong("is not UTF-8"))?;
        let mut body = String::new();
        let mut exports = Vec::new();
        let mut is_within = false;
        for line in source.lines().filter(|line| !is_comment(line, &mut is_within)) {
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
                body.push_str(line.trim_start());
                body.push('\n');
            }
        }
        self.open.pop();
        self.written.push(name);
        let exports = exports.join(", ");
        self.script.push_str(&format!("const {} = (() => {{\n{body}return {{ {exports} }};\n}})();\n", variable(name)));
        Ok(())
    }
}

/// Whether the line is nothing but comment; `is_within` says whether a comment goes on from the line before.
fn is_comment(line: &str, is_within: &mut bool) -> bool {
    let line = line.trim();
    if *is_within || line.starts_with("/*") {
        *is_within = !line.contains("*/");
        return *is_within || line.ends_with("*/");
    }
    line.starts_with("//")
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

/// The variable that holds a module's exports.
fn variable(name: &str) -> String {
    format!("${}", name.trim_end_matches(".js"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(sources: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        sources.iter().map(|(name, source)| ((*name).to_owned(), source.as_bytes().to_vec())).collect()
    }

    #[test]
    fn modules_come_after_what_they_import_and_once() {
        let files = files(&[
            ("a.js", "import { b } from \"./b.js\";\nimport { c, C } from \"./c.js\";\nb(c);\n"),
            ("b.js", "import { c } from \"./c.js\";\nexport async function b(x) {\n  return c + x;\n}\n"),
            ("c.js", "export const c = 1;\nexport class C {}\n"),
        ]);
        let expected = "const $c = (() => {\nconst c = 1;\nclass C {}\nreturn { c, C };\n})();\n\
            const $b = (() => {\nconst { c } = $c;\nasync function b(x) {\nreturn c + x;\n}\nreturn { b };\n})();\n\
            const $a = (() => {\nconst { b } = $b;\nconst { c, C } = $c;\nb(c);\nreturn {  };\n})();\n";
        assert_eq!(bundle("a.js", &files).expect("a script"), expected);
    }

    #[test]
    fn comments_stay_behind() {
        let source = "// One.\n/** Two. */\n/**\n * Three.\n */\n  call(1); // four\n/* five */ call(2);\ncall(\"/* six */\");\n";
        let script = bundle("a.js", &files(&[("a.js", source)])).expect("one script");
        for gone in ["One", "Two", "Three"] {
            assert!(!script.contains(gone), "{script}");
        }
        for kept in ["\ncall(1);", "call(2);", "six"] {
            assert!(script.contains(kept), "{script}");
        }
    }

    #[test]
    fn what_cannot_be_bundled_is_named() {
        let circle = [("a.js", "import { b } from \"./b.js\";\n"), ("b.js", "import { a } from \"./a.js\";\n")];
        for (sources, expected) in [
            (&circle[..], "a.js imports itself"),
            (&[("a.js", "import { x } from \"./x.js\";\n")], "x.js does not exist"),
            (&[("a.js", "import x from \"./x.js\";\n")], "a.js has an import"),
        ] {
            let error = bundle("a.js", &files(sources)).expect_err("it is wrong");
            assert!(error.contains(expected), "{error}");
        }
    }
}
