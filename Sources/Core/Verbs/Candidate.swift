/// A word that may be the motion's verb.
struct Candidate {
    let index: Int
    let lemmas: [String]
    let form: Form
    var isNegated = false
    var isRelative = false
    /// Whether it is in -ing after a comma that ended the main clause.
    var isLater = false
    /// Whether nothing speaks for a noun instead.
    var isSure = true

    enum Form {
        /// "is walking", and other forms that a form of be leads to.
        case progressive
        /// "a man walking".
        case participle
        case third, base, past
    }

    func isAny(of list: Set<String>) -> Bool { lemmas.contains(where: list.contains) }

    /// Whether it tells of a motion as far as it is known: of the main clause, said to happen, no state.
    var isMotion: Bool { !isNegated && !isAny(of: WordLists.stative) && !isAny(of: WordLists.never) }
}
