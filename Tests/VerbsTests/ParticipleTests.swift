import Testing

/// Rules 1 to 3 of finding a verb: words in -ing.
@Suite struct ParticipleTests {
    @Test(
        arguments: [
            ("A bus is quickly turning left", ["turning"]),
            ("A car is not moving, it is burning", ["burning"]),
            ("The wheel is being turned by a robot", ["turned"]),
            ("The ball is being thrown across the room", ["thrown"]),
            ("The tree is being cut down", ["cut"]),
            ("A house is being slowly built", ["built"]),
            ("Two women are cross-country skiing in the Alps", ["skiing"]),
            ("A group of people is scuba diving", ["diving"]),
            ("A dog is happily and quickly digging in the sand", ["digging"]),
            ("A man is still just standing there", ["standing"]),
            ("Someone is knocking on a door", ["knocking"]),
            ("A leaf was falling", ["falling"]),
            ("The dancers were whirling around each other", ["whirling"]),
            ("A bear has been fishing in the river", ["fishing"]),
            ("A monkey will be swinging from tree to tree", ["swinging"]),
        ] as [(String, [String])])
    func `a form of be leads to the verb`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("A robot is dancing and singing", ["dancing", "singing"]),
            ("A robot is dancing or singing on a stage", ["dancing", "singing"]),
            ("A robot is dancing and/or singing", ["dancing", "singing"]),
            ("A robot is running, jumping and dancing", ["running", "jumping", "dancing"]),
            ("A dog barking & howling at the moon", ["barking", "howling"]),
            ("A cat is walking and standing", ["walking"]),
            ("A girl skipping and then twirling", ["skipping", "twirling"]),
            ("A girl skips and twirls in the hall", ["skips", "twirls"]),
            ("A girl running and a boy walking", ["running"]),
        ] as [(String, [String])])
    func `and and or name two`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("A photo of a swimming pool", []),
            ("An old sewing machine", []),
            ("a washing machine in the kitchen", []),
            ("A happy smiling girl", []),
            ("A flying saucer", []),
            ("A portrait of a smiling woman", []),
            ("Sunset with moving clouds", []),
            ("A pair of running shoes on the floor", []),
            ("A frying pan and a rolling pin", []),
            ("An oil painting of a couple", []),
            ("An office building at night", []),
            ("A brick building in the rain", []),
            ("A building in the snow", []),
            ("A stone king with a ring", []),
            ("A wedding in Paris", []),
            ("A spring morning", []),
            ("A string of pearls on a ceiling", []),
            ("A viking in the evening", []),
            ("A man on a flying carpet", []),
            ("The opening of a door", []),
        ] as [(String, [String])])
    func `before a noun, or with it, it is no verb`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("A man in a rocking chair reading a book", ["reading"]),
            ("A woman in a dining room pouring tea", ["pouring"]),
            ("A swimming pool with a boy diving into it", ["diving"]),
            ("Sewing machine, old sewing machine working", ["working"]),
        ] as [(String, [String])])
    func `a compound does not hide the verb beside it`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("Swimming pool at night", []),
            ("Rotating planet in space", []),
            ("Running through a field", ["Running"]),
            ("Painting a wall", ["Painting"]),
            ("Painting of a horse", []),
            ("Building a house of cards", ["Building"]),
            ("Slowly walking towards the sea", ["walking"]),
            ("Horse running", ["running"]),
            ("Horse galloping on the beach", ["galloping"]),
            ("Ice melting", ["melting"]),
            ("A panda drinking water from a bottle", ["drinking"]),
            ("A man playing cards", ["playing"]),
            ("A girl chewing gum", ["chewing"]),
            ("A chef cutting vegetables on a cutting board", ["cutting"]),
            ("A surfer riding a giant wave", ["riding"]),
            ("A woman painting on a canvas", ["painting"]),
            ("A lonely man, walking", ["walking"]),
            ("A big, fluffy dog running in the grass", ["running"]),
            ("In the park, a dog is chasing a ball", ["chasing"]),
            ("In the park, a dog chasing a ball", ["chasing"]),
            ("At night a fox sneaks into the garden", ["sneaks"]),
        ] as [(String, [String])])
    func `at the start, or after the subject`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }

    @Test(
        arguments: [
            ("a panda, cinematic lighting", []),
            ("a panda, soft studio lighting, tracking shot", []),
            ("a castle on a hill, camera panning left", []),
            ("a forest, flying camera, 4k", []),
            ("A mountain lake, trending on artstation", []),
            ("A city, people crossing the street", ["crossing"]),
            ("A dog runs in the park, wagging its tail", ["runs"]),
        ] as [(String, [String])])
    func `after a later comma only without words of style`(prompt: String, words: [String]) {
        #expect(found(prompt) == words)
    }
}
