#!/bin/sh
# Writes the templates into the source of the tool, so that a built binary needs no files beside it.
# Run it after a change here; a test compares the two.
cd "$(dirname "$0")" || exit 1
out=../../Sources/Flow/Pipelines/TemplateTexts.swift
{
    echo '// Written by pipelines/templates/embed.sh: change the templates, not this file.'
    echo
    echo 'extension Templates {'
    echo '    static let texts: [(name: String, text: String)] = ['
    for name in motrans motion-director fine-tune zero-shot subject-motion; do
        echo '        ('
        echo "            name: \"$name\","
        echo '            text: #"""'
        sed 's/^\(..*\)$/            \1/' "$name.yaml"
        echo
        echo '            """#'
        echo '        ),'
    done
    echo '    ]'
    echo '}'
} > "$out"
