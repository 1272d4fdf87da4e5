extension Scene {
    /// What the text-to-video model is told: `a red ball is zigzagging on the grass`.
    ///
    /// The article is always `a`, so that the verb is always the fifth word.
    public var caption: String { caption(colour: true, motion: true, place: true) }

    /// The caption with some of its parts left out: `a ball is zigzagging`, `a red ball on the grass`, `a ball`.
    public func caption(colour: Bool, motion: Bool, place: Bool) -> String {
        var words = ["a"]
        if colour { words.append(self.colour.rawValue) }
        words.append(subject.rawValue)
        if motion { words += ["is", self.motion.name] }
        if place { words.append(self.place.phrase) }
        return words.joined(separator: " ")
    }

    /// What can be seen in one frame: the looks of subject and place, size and position, nothing of the motion.
    ///
    /// `a small red ball with a stripe at the top left on the grass with green ground and a blue sky`: at most 21 words.
    public func denseCaption(frame: Int) -> String {
        let pose = poses[frame]
        let size = pose.size < 0.14 ? "small" : pose.size > 0.21 ? "large" : "medium"
        let row = pose.y < 0.36 ? "top " : pose.y > 0.64 ? "bottom " : ""
        let column = pose.x < 0.38 ? "left" : pose.x > 0.62 ? "right" : "middle"
        return "a \(size) \(colour.rawValue) \(subject.rawValue) \(subject.detail) at the \(row)\(column) "
            + "\(place.phrase) \(place.detail)"
    }
}
