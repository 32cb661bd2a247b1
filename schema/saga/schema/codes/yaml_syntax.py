"""Pages of `saga explain`: the file as a text (SAGA001 to SAGA026). It must not know how problems are found."""

from __future__ import annotations

from saga.schema.codes.explanation import explanation

PAGES = (
    explanation(
        "SAGA001",
        "the file is too large",
        "A definition may have 1,048,576 bytes (1 MiB).",
        why="A saga is read, checked and kept with every run. Data belongs into a store; a run gets its address.",
    ),
    explanation(
        "SAGA002",
        "the file is not UTF-8",
        """The bytes at this place are no character in UTF-8. The file was probably saved in another encoding, such as
        Latin-1 or UTF-16. Save it as UTF-8, with or without a byte order mark.""",
        why="Guessing an encoding would change texts in silence.",
    ),
    explanation(
        "SAGA003",
        "a character that cannot stand here",
        """The file holds a character that does not show: a control character, one of Unicode's own line breaks, or a
        space that is not the one of the space bar. It often comes in by copying from a web page or a chat.
        In the value of a text such a character is fine if it is written as an escape.""",
        wrong="name:\u00a0checkout\nversion: 1",
        right='name: checkout\nversion: 1\ndescription: "stock\\u00a0first"',
        why="What nobody can see, nobody can review; and tools differ in where they count a new line.",
    ),
    explanation(
        "SAGA004",
        "this is not YAML",
        """The text breaks a rule of YAML that has no page of its own here. The message repeats what the YAML reader
        said. Look just before the marked place too: often the mistake is one line higher.""",
        wrong="%YAML 9.0\n---\nname: checkout",
        right="name: checkout",
    ),
    explanation(
        "SAGA005",
        "a quote is not closed",
        "A text that starts with a quote goes on to the next quote of the same kind, over line ends too.",
        wrong='name: "checkout\nversion: 1',
        right='name: "checkout"\nversion: 1',
    ),
    explanation(
        "SAGA006",
        "the line goes on behind the closing quote",
        """A value that starts with a quote ends with it. An expression that starts with a quoted word is quoted as a
        whole, with the other kind of quotes.""",
        wrong='when: "paid" in input.states',
        right="when: '\"paid\" in input.states'",
    ),
    explanation(
        "SAGA007",
        "brackets do not match",
        "Each [ needs its ] and each { its }, with commas between the parts.",
        wrong="with: [input.order_id, input.user_id\nversion: 1",
        right="with: [input.order_id, input.user_id]\nversion: 1",
    ),
    explanation(
        "SAGA008",
        "an expression inside brackets needs quotes",
        "Inside [ ] and { } YAML takes the braces of ${{ }} for a map of its own. Quotes keep them together.",
        wrong="with: {order: ${{ input.order_id }}}",
        right='with: {order: "${{ input.order_id }}"}',
    ),
    explanation(
        "SAGA009",
        "no space after the colon",
        "A key ends with a colon and a space. Without the space, colon and value are part of one word.",
        wrong="name:checkout\nversion: 1",
        right="name: checkout\nversion: 1",
    ),
    explanation(
        "SAGA010",
        "a key without a colon, or a colon without a key",
        "Each line of a map is a key, a colon, a space and a value.",
        wrong="name: checkout\nversion\ndescription: Take the money.",
        right="name: checkout\nversion: 1\ndescription: Take the money.",
    ),
    explanation(
        "SAGA011",
        "a colon and a space inside unquoted text",
        "A colon with a space behind it starts a new key. Text that holds one is quoted.",
        wrong="description: first: reserve",
        right='description: "first: reserve"',
    ),
    explanation(
        "SAGA012",
        "a tab in the indentation",
        "Indentation is made of spaces. Most editors can be told to write spaces when the tab key is pressed.",
        wrong="steps:\n\tcharge: {}",
        right="steps:\n  charge: {}",
        why="A tab is two columns wide for one reader and eight for another.",
    ),
    explanation(
        "SAGA013",
        "the indentation fits no line above",
        "The keys of one map start in one column; what belongs to a key stands further in.",
        wrong="retry:\n    attempts: 3\n  factor: 2",
        right="retry:\n  attempts: 3\n  factor: 2",
    ),
    explanation(
        "SAGA014",
        "unquoted text cannot start with this character",
        """These have a meaning of their own at the start of a value: @ and ` (reserved), & and * (anchors and aliases),
        | and > (blocks of text), % (directives), and the brackets and commas of lists and maps.""",
        wrong="when: > 5",
        right='when: "input.amount > 5"',
    ),
    explanation(
        "SAGA015",
        "an escape that YAML does not have",
        r"""In double quotes a backslash starts an escape such as \n or \". In single quotes it is a plain
        character.""",
        wrong=r'pattern: "\d+"',
        right=r"pattern: '\d+'",
    ),
    explanation(
        "SAGA016",
        "a list and a map are mixed",
        "A block is a map (keys) or a list (dashes). A list that belongs to a key starts on the next line.",
        wrong="with:\n  order: a\n  - b",
        right="with:\n  order: a\n  rest:\n    - b",
    ),
    explanation(
        "SAGA017",
        "the file is empty",
        "There is nothing in the file but spaces and comments.",
        wrong="# to be written",
        right="saga: v1",
    ),
    explanation(
        "SAGA018",
        "the file is no map",
        "A definition is a map: lines of a key, a colon, a space and a value.",
        wrong="- name: checkout",
        right="name: checkout",
    ),
    explanation(
        "SAGA019",
        "more than one document",
        "A line of three dashes starts a new YAML document. A file holds one saga, so one document.",
        wrong="name: checkout\n---\nname: order",
        right="name: checkout",
    ),
    explanation(
        "SAGA020",
        "too deeply nested",
        "At most 64 lists and maps may stand inside each other.",
        why="No readable saga comes near it, and without a limit a hostile file could exhaust the process.",
    ),
    explanation(
        "SAGA021",
        "a key stands twice",
        "In one map each key stands once. The message says where the first one is.",
        wrong="name: checkout\nname: order",
        right="name: checkout",
        why="YAML tools take the last one in silence; the other would be lost.",
    ),
    explanation(
        "SAGA022",
        "a key is not text",
        "Keys are text. Numbers, true, false and null are quoted to be keys.",
        wrong="with: {1: first}",
        right='with: {"1": first}',
        why='Values are JSON, where a key is always text; 1 and "1" would become the same key.',
    ),
    explanation(
        "SAGA023",
        "a merge key",
        "The key << of YAML 1.1, which copies another map's keys, is not used.",
        wrong="one: &one {a: b}\ntwo:\n  <<: *one",
        right="one: {a: b}\ntwo: {a: b}",
        why="YAML 1.2 has dropped it, and it hides what a step really says.",
    ),
    explanation(
        "SAGA024",
        "a tag",
        """A word that starts with ! is a YAML tag. Tags are not used. Text that starts with ! is quoted; in expressions
        negation is the word not.""",
        wrong="when: !paid",
        right="when: not input.paid",
        why="Tags can ask a YAML reader to build any object of the program.",
    ),
    explanation(
        "SAGA025",
        "an alias that does not fit its anchor",
        """A word that starts with * (an alias) stands for the value marked above with & and the same name (its anchor).
        Each anchor has a name of its own, and a value cannot contain itself.""",
        wrong="cron: *daily",
        right='one: &daily "0 6 * * *"\ntwo: *daily',
    ),
    explanation(
        "SAGA026",
        "too many aliases",
        "A file may have 100 aliases, and the values they stand for may count 10,000 in all.",
        why="A few lines of aliases of aliases can stand for billions of values.",
    ),
)
