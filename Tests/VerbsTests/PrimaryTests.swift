import Testing

/// Rules 5 and 6: which verb is the one, and that none is a guess.
@Suite struct PrimaryTests {
    @Test(
        arguments: [
            ("A cat that is wearing a hat is jumping", ["jumping"]),
            ("A woman who wears a red coat crosses the street", ["crosses"]),
            ("The man who is juggling is standing on a ball", ["juggling"]),
            ("A dog which is running", ["running"]),
            ("A raccoon that looks like a turtle", []),
            ("A man wearing a hat is riding a horse", ["riding"]),
            ("A man standing on a horse juggling", ["juggling"]),
            ("A man sitting on a chair plays the cello", ["plays"]),
            ("A boy stands on a box and claps", ["claps"]),
            ("A goat standing on a roof", ["standing"]),
            ("A man looking at a woman dancing", ["dancing"]),
            ("A dog sleeping while a cat is jumping", ["jumping"]),
            ("A dog runs while a cat is sleeping", ["runs"]),
        ] as [(String, [String])])
    func `relative clauses and states stand back`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("A girl begins to climb a tree", ["climb"]),
            ("A girl begins climbing a tree", ["climbing"]),
            ("A man is trying to catch a fish", ["catch"]),
            ("A boy is going to fall", ["fall"]),
            ("A boy is about to fall", ["fall"]),
            ("A boy is going home", ["going"]),
            ("A boy is going to bed", ["going"]),
            ("A boy is starting to run and jump", ["run", "jump"]),
            ("They go swimming", ["swimming"]),
            ("A baby keeps on crawling", ["crawling"]),
            ("The band stops playing", ["playing"]),
            ("An elephant is seen painting", ["painting"]),
            ("We see a rocket taking off", ["taking"]),
            ("A dog is caught stealing a sausage", ["stealing"]),
        ] as [(String, [String])])
    func `beginning and seeing hand over`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("A hand is tilting a cup", ["tilting"]),
            ("A person is turning a box", ["turning"]),
            ("A man is jumping down from a wall", ["jumping"]),
            ("A woman is walking on the grass", ["walking"]),
            ("A red ball is zigzagging on the grass", ["zigzagging"]),
            ("A man is slowly walking his dog", ["walking"]),
            ("A man is rock climbing", ["climbing"]),
            ("Two kids are hula-hooping in the park.", ["hula-hooping"]),
            ("A woman is in the living room, she is dancing", ["dancing"]),
            ("A king is being a spring; it was tumbling", ["tumbling"]),
            ("A boy is lifting weights", ["lifting"]),
            ("A boy is lifting a box", ["lifting"]),
            ("A cat is sleeping", ["sleeping"]),
            ("Jumping, a cat is sleeping", ["Jumping"]),
            ("a panda", []),
            ("golf swing, side view", []),
            ("A cat is in the living room", []),
            ("The evening is something", []),
            ("outrunning", ["outrunning"]),
            ("it is hopping", ["hopping"]),
            ("A boxing ring", []),
            ("A cutting board", []),
            ("A cat in a living room", []),
            ("A cutting board on a table during the evening", []),
            ("A boy starts sprinting", ["sprinting"]),
            ("A bear can be seen juggling", ["juggling"]),
            ("A man breakdances on the street", ["breakdances"]),
        ] as [(String, [String])])
    func `prompts of the data notes, and of the test of the word that was there before`(prompt: String, words: [String])
    {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("A blue robot is jumping", ["jumping"]),
            ("A panda is turning a wheel in the snow", ["turning"]),
            ("A yellow star is swinging in space", ["swinging"]),
            ("A white ghost is circling under the sea", ["circling"]),
            ("A purple robot is cartwheeling in the desert", ["cartwheeling"]),
            (
                "A person in a grey shirt is turning a red box on a wooden table, warm light from the left, close view",
                ["turning"]
            ),
            ("A very long prompt about a cat that is running over the hills", ["running"]),
            ("Something blue", []),
            ("The cat is sitting", ["sitting"]),
            ("Two dogs are  running", ["running"]),
        ] as [(String, [String])])
    func `prompts of our pipelines, docs and tests`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }
}
