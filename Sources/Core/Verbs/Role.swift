/// What a word does by itself, whatever stands around it: the closed classes of English.
///
/// All other words are `open`: nouns, verbs, adjectives.
enum Role {
    case singularDeterminer, pluralDeterminer, determiner
    case singularPronoun, pluralPronoun, objectPronoun
    case be, notBe
    /// Has a verb's base form after it.
    case modal
    case have
    case preposition
    /// A preposition that also ends a verb: "standing up", "walks around".
    case particle
    case conjunction
    /// Begins a clause of its own: while.
    case subordinator
    /// Begins a relative clause, after a noun.
    case relative
    case negation
    case adverb
    case open

    init(_ text: String) {
        if let role = Role.table[text] {
            self = role
        } else if text.allSatisfy(\.isNumber) {
            self = text == "1" ? .singularDeterminer : .pluralDeterminer
        } else if text.hasSuffix("'s") {
            // "The dog's bone", and "the dog's running", which the rules tell apart.
            self = .determiner
        } else if Role.isAdverb(text) {
            self = .adverb
        } else {
            self = .open
        }
    }

    var isDeterminer: Bool { self == .singularDeterminer || self == .pluralDeterminer || self == .determiner }
    var isPreposition: Bool { self == .preposition || self == .particle }
    var isSubjectPronoun: Bool { self == .singularPronoun || self == .pluralPronoun }
    var isAuxiliary: Bool { [.be, .notBe, .modal, .have].contains(self) }
    /// What stands where only an object, or a subject, can begin.
    var beginsNounPhrase: Bool { isDeterminer || isSubjectPronoun || self == .objectPronoun }

    /// Ends in -ly after an adjective: slowly, happily, gently, energetically; not family.
    private static func isAdverb(_ text: String) -> Bool {
        guard text.hasSuffix("ly"), text.count > 4 else { return false }
        let stem = String(text.dropLast(2))
        var stems = [stem, stem + "le"]
        if stem.hasSuffix("i") { stems.append(stem.dropLast() + "y") }
        if stem.hasSuffix("al") { stems.append(String(stem.dropLast(2))) }
        let endings = ["ful", "ous", "less", "ive", "ing", "ed", "istical"]
        return endings.contains(where: stem.hasSuffix) || stems.contains { Lexicon.facts($0).contains(.adjective) }
    }

    private static let table: [String: Role] = {
        var table: [String: Role] = [:]
        for (role, words) in lists {
            for word in words.split(whereSeparator: \.isWhitespace) { table[String(word)] = role }
        }
        return table
    }()

    private static let lists: [(Role, String)] = [
        (.singularDeterminer, "a an one each every another this that"),
        (
            .pluralDeterminer,
            """
            two three four five six seven eight nine ten eleven twelve dozens hundreds thousands many several few both
            these those all
            """
        ),
        (.determiner, "the his her its their my your our some any no whose various other more most"),
        (
            .singularPronoun,
            "he she it someone somebody everyone everybody nobody something everything nothing anything anyone"
        ),
        (.pluralPronoun, "i you we they others"),
        (.objectPronoun, "him them me us himself herself itself themselves"),
        (
            .be,
            """
            am is are was were be been i'm he's she's it's you're we're they're there's that's who's what's here's
            someone's somebody's everyone's everybody's nobody's there're he'd she'd
            """
        ),
        (.notBe, "isn't aren't wasn't weren't ain't"),
        (
            .modal,
            """
            can could will would shall should may might must can't cannot couldn't won't wouldn't doesn't don't didn't
            he'll she'll it'll they'll i'll we'll you'll
            """
        ),
        (.have, "have has had having hasn't haven't hadn't i've we've they've you've"),
        (
            .preposition,
            """
            in on at with from to of under inside near behind beside into onto through across between above below
            during against among amid amidst toward towards underneath beneath beyond atop upon within without outside
            via for like than despite per about before after beside besides aboard alongside opposite including
            regarding concerning by nearby versus vs next until till
            """
        ),
        (.particle, "up down out off away back around along over past round"),
        (.conjunction, "and or & but nor"),
        (.subordinator, "while whilst as when whenever because if since although though how why where until so"),
        (.relative, "who which"),
        (.negation, "not never"),
        (
            .adverb,
            """
            very still just now then also too again almost always often together forward forwards backward backwards
            upward upwards downward downwards sideways fast high low there here quite rather already even only soon
            once twice alone indoors outdoors outside upstairs downstairs home everywhere apart aside ahead sometimes
            upside hard well maybe perhaps overhead underwater barefoot midair
            """
        ),
    ]
}
