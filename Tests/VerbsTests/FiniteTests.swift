import Testing

/// Rule 4 of finding a verb: forms that agree with their subject.
@Suite struct FiniteTests {
    @Test(
        arguments: [
            ("A dog runs through the grass", ["runs"]),
            ("A smiling girl waves at the camera", ["waves"]),
            ("A litter of puppies plays in the snow", ["plays"]),
            ("A crowd of people cheer", ["cheer"]),
            ("Two dogs run through the grass", ["run"]),
            ("The dog runs", ["runs"]),
            ("A bird flies south", ["flies"]),
            ("Birds fly south", ["fly"]),
            ("A fish leaps out of the water", ["leaps"]),
            ("The children jump into the pool", ["jump"]),
            ("People dance in the street", ["dance"]),
            ("A crowd of people cheer", ["cheer"]),
            ("A man and a woman dance", ["dance"]),
            ("Waves crash on the rocks", ["crash"]),
            ("Snow falls", ["falls"]),
            ("It rains", ["rains"]),
            ("He rides a bicycle", ["rides"]),
            ("They ride bicycles", ["ride"]),
            ("A soldier salutes", ["salutes"]),
            ("The soldier guards the gate", ["guards"]),
            ("The girl waves at the camera", ["waves"]),
            ("A robot waves", ["waves"]),
            ("A zombie yodels in the rain", ["yodels"]),
            ("A boy kickflips over the bench", ["kickflips"]),
            ("The horse galloped across the field", ["galloped"]),
            ("A wizard vanished", ["vanished"]),
            ("The eagle flew away", ["flew"]),
            ("A chef chopped the onions", ["chopped"]),
            ("A man caught a ball", ["caught"]),
        ] as [(String, [String])])
    func `a verb agrees with its subject`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("A car parked in front of a house", []),
            ("A house covered in snow", []),
            ("A dog dressed as a king", []),
            ("A view of city lights at night", []),
            ("Autumn leaves on the ground", []),
            ("Ocean waves", []),
            ("A bowl of apples on a table", []),
            ("Fire trucks on the road", []),
            ("A sports car on a bridge", []),
            ("A drone shot of a village", []),
            ("Mountain streams in the valley", []),
            ("A glass of water", []),
            ("A red rose", []),
            ("A well lit room", []),
            ("Short pants in the snow", []),
            ("A turpentine weed, side view", []),
            ("A lens cover in the snow", []),
            ("sea turtles and sharks", []),
        ] as [(String, [String])])
    func `what could be a noun is no verb`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("A dog can jump", ["jump"]),
            ("The robot does not walk, it flies", ["flies"]),
            ("A robot has fallen down", ["fallen"]),
            ("A man does push-ups", ["does"]),
        ] as [(String, [String])])
    func `auxiliaries lead to it`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }
}
