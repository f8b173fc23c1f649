"""Domains at which everybody may have an address: they tell nobody from others."""

FREE_MAIL = frozenset(
    "gmail.com googlemail.com outlook.com outlook.fr hotmail.com hotmail.fr live.com live.fr msn.com yahoo.com "
    "yahoo.fr icloud.com me.com mac.com orange.fr wanadoo.fr free.fr sfr.fr neuf.fr bbox.fr laposte.net numericable.fr "
    "gmx.de gmx.net gmx.fr web.de t-online.de libero.it virgilio.it proton.me protonmail.com aol.com "
    "ziggo.nl kpnmail.nl".split()
)
