/// Words that the rules treat by name.
///
/// They are lemmas where nothing else is said.
enum WordLists {
    /// Says how something is, not how it moves: named only when nothing else is.
    static let stative = set(
        """
        wear stand hold sit lie rest lean wait look watch stare gaze face stay remain live own love like want need know
        think feel smell listen dress clothe surround cover kneel sleep nestle perch seat
        settle park locate situate
        """)
    /// Never names a motion.
    static let never = set(
        """
        be have seem show depict feature contain include consist belong resemble portray represent mean exist capture
        film photograph illustrate lack comprise involve see hear
        highlight
        """)
    /// Says only that something begins, goes on or ends; the verb after it says what.
    static let aspectual = set(
        """
        start begin continue keep stop finish try attempt learn want prepare practice practise go come love like enjoy
        proceed pretend need decide manage plan hope resume cease end commence get use appear seem struggle hurry
        """)
    /// Of these, "X-ing of" is a deed.
    static let takesOf = set("think dream speak sing tell talk consist")

    /// Words in -ing that are no form of a verb, or tell how something looks.
    static let neverDoing = set(
        """
        being having anything something everything nothing during evening morning ceiling wedding clothing lightning
        lighting rendering shading trending according amazing stunning interesting exciting charming boring
        breathtaking mesmerizing mesmerising fascinating relaxing shocking surprising terrifying frightening
        astonishing captivating enchanting overwhelming outstanding missing willing upcoming thanksgiving featuring
        showcasing existing
        """)
    /// After a comma, words beside these tell of the picture: "cinematic lighting", "tracking shot".
    static let style = set(
        """
        lighting light shot shots view angle camera lens style render rendering rendered quality resolution 4k 8k hd
        uhd hdr bokeh footage photography artstation cinematic film focus closeup close-up detailed realistic
        photorealistic aesthetic composition shading timelapse time-lapse unreal octane anime painting drawing
        illustration animation
        """)
    /// Plurals without an s.
    static let plurals = set(
        """
        people men women children mice geese feet teeth oxen police cattle firemen policemen fishermen snowmen
        gentlemen horsemen
        """)
    /// Singulars with an s.
    static let singulars = set("lens gas bus canvas atlas news series species christmas")
    /// Plurals that are spelled like their singulars.
    static let unchanged = set("fish sheep deer")
    /// Nouns that take a verb of either number, when of and a plural follow.
    static let collectives = set(
        """
        group pair team family band bunch herd flock pack school swarm lot troupe row line class army fleet set number
        trio variety series dozen
        """)
    /// And without.
    static let eitherNumber = set("couple crowd audience duo")

    private static func set(_ words: String) -> Set<String> {
        Set(words.split(whereSeparator: \.isWhitespace).map(String.init))
    }
}
