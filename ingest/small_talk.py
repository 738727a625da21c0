"""Words of patients' messages that say nothing of what is asked: they count less the longer the message is.

Chosen by hand, by what they mean; none is a sign, a part of the body, a drug, an age or a sex.
"""

from __future__ import annotations

ENGLISH = """
hi hello hey dear greetings sir madam good morning evening thank thanks thankful grateful regards sincerely please pls bless god
hope hoping wish my mine myself me we our us you your yourself he she him his her they them their i'm i've i'd im ive
know knew known think thought believe wonder wondering ask asked asking asks tell told telling say said says saying
speak talk talked call called write writing wrote read reply answer answers question questions
want wanted like would love need needed try tried trying able help helped explain explained understand find found finding
look looking looked get gets got getting go goes going went gone come came coming back put take took taken give gave given
send sent make made let keep kept doctor doctors dr physician nurse hospital clinic appointment office
mother father mom dad mum wife husband son daughter brother sister aunt uncle grandmother grandfather friend neighbor
family child children kid kids baby person people year years old month months week weeks day days today yesterday tomorrow
ago last next time times since now still always never ever soon recently feel feeling felt worried scared afraid sure sorry
lot much many really very just also even maybe thing things something anything nothing everything anyone someone somebody
nobody information info website internet email phone link advice appreciate appreciated urgent
what which who how why when where there here can could should will may might do does did
"""
CHINESE = """
你好 您好 医生 大夫 请问 谢谢 感谢 麻烦 指导 一下 帮忙 希望 想 想要 咨询 知道 了解 告诉 说 觉得 感觉 我 你 您 他 她 我们 他们 自己
妈妈 爸爸 父亲 母亲 爷爷 奶奶 老公 老婆 丈夫 妻子 儿子 女儿 孩子 朋友 同事 家人 今年 去年 最近 现在 以前 之前 后来 昨天 今天 前几天
时候 时间 年 月 天 岁 情况 问题 怎么 怎么办 怎样 怎么样 什么 为什么 如何 哪些 哪里 多少 是否 可以 能 能够 应该 应当 需要 要 会 有 没有
是 不是 吗 呢 吧 啊 了 的 得 地 着 过 和 与 及 或 在 到 去 来 给 把 被 让 对 从 就 都 也 还 又 很 非常 比较 特别 一直 一个 一些 这 那
这个 那个 这样 因为 所以 但是 不过 如果 还是 上 下 里 主要 进行
"""
