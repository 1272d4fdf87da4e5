#pragma once

#include <stddef.h>

/// The text of lexicon.txt, which make-lexicon.py describes; not ended by a zero.
const unsigned char *lexicon_text(void);

/// Its length in bytes.
size_t lexicon_length(void);
