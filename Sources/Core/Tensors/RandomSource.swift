/// A seeded source of random tensors: equal seeds give equal numbers.
public protocol RandomSource {
    /// Independent standard normal numbers.
    mutating func normal(_ shape: [Int]) -> Tensor

    /// Independent uniform numbers in [0, 1).
    mutating func uniform(_ shape: [Int]) -> Tensor

    /// A uniform integer in `0 ..< bound`.
    mutating func integer(below bound: Int) -> Int
}
